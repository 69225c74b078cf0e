"""A streamed completion over HTTP, in the form that OpenAI's API and its likes share (Chat Completions, `stream`).

The way of every message leads through here, so it is the bytes of the stream: with OpenAI's client, its
request and its chunk objects, a message cost more than twice as much (`benchmarks/README.md`). Where callers do not
wait it is used: for embeddings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from server.consultant.model_calls import ModelCalls
from server.errors import ConsultantError
from server.observability.catalogue import BROKEN_OFF, TIMEOUT, UNREACHABLE
from server.outgoing import Outgoing
from server.wire import Answer

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

PATH = "chat/completions"
DATA = b"data:"
DONE = b"[DONE]"
EVENT_BYTES = 1_000_000
"""Of one event."""
STREAM_BYTES = 4_000_000
"""Of all that comes for one question. The longest answer that is listened to has 4000 characters, each word in an event
of some 300 bytes; a model that thinks first says more than that. Whoever sends more than this does not answer."""
END_SECONDS = 0.05
"""How long the end of an answer is waited for when all has been said. The socket's own time."""
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
"""Statuses that may pass; so may all of 500 and above."""

MISUNDERSTOOD = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
"""By providers that do not know `stream_options`, among other reasons: the next attempt goes without."""
COUNTING = {"stream_options": {"include_usage": True}}
log = logging.getLogger(__name__)


class CompletionFailed(ConsultantError):
    """The provider did not answer, or not to the end. Its words, which may quote the key or the caller, are left out.

    `passing`: whether another attempt may go well.
    """

    def __init__(self, text: str, *, passing: bool) -> None:
        super().__init__(text)
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Piece:
    """What has come of an answer at a time, of one event or of several."""

    text: str
    calls: list[dict[str, Any]]
    """Pieces of function calls, as the provider sends them: most pieces of an answer have none."""
    usage: object = None
    """What the provider says that the call has taken; None but at the end."""


class Completions:
    """The completions of one model at one provider."""

    def __init__(self, outgoing: Outgoing, model: str, calls: ModelCalls, *, count_tokens: bool = True) -> None:
        """`calls` learns of each call and, with `count_tokens`, of the tokens that the provider says it used."""
        self._outgoing, self._model, self._calls = outgoing, model, calls
        self._counts, self._doubted = count_tokens, False

    async def stream(
        self,
        messages: Sequence[ChatCompletionMessageParam],
        tools: Sequence[ChatCompletionToolParam] = (),
        *,
        again: bool = False,
    ) -> AsyncGenerator[Piece]:
        """The answer, as much at a time as has arrived together. Raises `CompletionFailed`.

        `again`: it is not the first attempt.
        """
        counts = self._counts and not (again and self._doubted)
        question = {"model": self._model, "messages": messages, "stream": True}
        question |= (COUNTING if counts else {}) | ({"tools": tools} if tools else {})
        if again:
            self._calls.again()
        ended, events = BROKEN_OFF, _Events()
        try:
            async with self._outgoing.post(PATH, orjson.dumps(question)) as response:
                data = await response.piece()
                if response.status != HTTPStatus.OK:
                    ended = str(response.status)
                    raise self._refused(response.status, counts)
                self._understood(counts)
                while data:
                    if piece := events.add(data):
                        ended = "200"
                        yield piece
                    if events.over:
                        await _read_on(response)
                        return
                    data = await response.piece()
                events.must_have_ended()
        except OSError as error:
            if ended == BROKEN_OFF:
                ended = TIMEOUT if isinstance(error, TimeoutError) else UNREACHABLE
            raise CompletionFailed(type(error).__name__, passing=True) from error
        except ValueError as error:
            raise CompletionFailed(str(error), passing=False) from error
        finally:
            self._calls.ended(ended)
            self._calls.used(events.usage)

    async def close(self) -> None:
        await self._outgoing.close()

    def _refused(self, status: int, counts: bool) -> CompletionFailed:
        """One that was asked to count tokens may not know how: the next attempt, which does not ask, shows it."""
        passing = status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if status in MISUNDERSTOOD:
            passing = self._doubted = counts
        return CompletionFailed(f"HTTP {status}", passing=passing)

    def _understood(self, counts: bool) -> None:
        if self._doubted and not counts:
            self._counts = self._doubted = False
            log.warning("the provider refuses to count tokens: it is not asked for them any more (agent.count_tokens)")


async def _read_on(answer: Answer) -> None:
    """To the end of the body, which may come by itself behind its last words: only a connection whose answer is read
    to its end is used again, and to make one takes longer than a caller notices."""
    if answer.whole:
        return
    with suppress(OSError):
        async with asyncio.timeout(END_SECONDS):
            while await answer.piece():
                pass


class _Events:
    """Takes an event stream in pieces of bytes (WHATWG HTML, 9.2) and gives back what they tell of the answer. Events
    without data are none (9.2.6)."""

    def __init__(self) -> None:
        self._rest = b""
        self._bytes = 0
        self.over = False
        """Whether it said so itself."""
        self.ended = False
        """Whether the answer did, so that a stream that ends now was not cut off."""
        self.usage: object = None
        """What the provider says that the call has taken, at the end of its answer."""

    def add(self, data: bytes) -> Piece | None:
        """None where nothing of it tells of the answer. Raises `ValueError` for what is no event of a completion."""
        self._bytes += len(data)
        if self._bytes > STREAM_BYTES:
            raise ValueError("the stream has no end")
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > EVENT_BYTES:
            raise ValueError("an event of the stream has no end")
        events = [event for line in lines if line.startswith(DATA) and (event := line[len(DATA) :].strip())]
        if DONE in events:
            self.over = self.ended = True
            del events[events.index(DONE) :]
        try:  # all at once, as one list: each by itself takes twice as long
            told = orjson.loads(b"[%s]" % b",".join(events))
        except ValueError:
            raise ValueError("an event of the stream is not JSON") from None
        return self._together(told)

    def must_have_ended(self) -> None:
        """Raises `ConnectionError` where the stream was cut off."""
        if not self.ended:
            raise ConnectionError("the stream ended before the answer did")

    def _together(self, told: list[object]) -> Piece | None:
        """Of the first choice: more are not asked for."""
        words, calls, usage, tells = list[str](), list[dict[str, Any]](), None, False
        for event in told:
            if not isinstance(event, dict) or event.get("error"):
                raise ValueError("the stream tells of an error")
            if taken := event.get("usage"):
                usage = self.usage = taken
            choice = _first(event.get("choices"))
            tells = tells or choice is not None or bool(taken)
            if not choice:
                continue
            if choice.get("finish_reason"):
                self.ended = True
            delta = choice.get("delta")
            if not isinstance(delta, dict):
                continue
            if isinstance(text := delta.get("content"), str):
                words.append(text)
            if "tool_calls" in delta:
                calls += _objects(delta["tool_calls"])
        return Piece("".join(words), calls, usage) if tells else None


def _first(choices: object) -> dict[str, Any] | None:
    """The first choice; None where there is none."""
    if not isinstance(choices, list) or not choices or not choices[0]:
        return None
    return choices[0] if isinstance(choices[0], dict) else {}


def _objects(found: object) -> list[dict[str, Any]]:
    """The JSON objects of what should be a list of them."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
