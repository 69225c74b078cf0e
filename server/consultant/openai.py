"""The consultant behind an OpenAI-compatible endpoint: one streamed round trip a turn, decisions as function calls."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import orjson
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from server.clock import Clock
from server.consultant.base import (
    Decision,
    EndConversation,
    Inquiry,
    Irrelevant,
    ModelCall,
    RememberClient,
    TransferToOperator,
)
from server.consultant.completion import CompletionFailed, Completions, Piece
from server.consultant.model_calls import tokens
from server.consultant.prompt import FUNCTIONS, Prompt, summary_messages
from server.errors import ConsultantError
from server.models import Exchange
from server.retrying import tried
from server.text import clean

log = logging.getLogger(__name__)

NAME = re.compile(r"[^\W\d_]{2,30}(?:[ -][^\W\d_]{2,30}){0,2}")
"""What may be remembered as a name, and spoken later: up to three words without digits or signs."""
MOST_CALLS = 16
"""Of functions in one answer: there are four of them, and none is of any use twice."""
CALL_LENGTH = 4000
"""Characters of one call, with its arguments: as long as the longest answer."""
RETRY_SECONDS = 0.2
SUMMARY_SECONDS = 30.0


class OpenAIConsultant:
    """One for the life of a process. Nothing of a caller is kept here between turns."""

    def __init__(self, completions: Completions, prompt: Prompt, clock: Clock, name: str = "openai") -> None:
        self._completions, self._prompt, self._clock, self.name = completions, prompt, clock, name

    async def reply(self, inquiry: Inquiry) -> AsyncGenerator[str | Decision | ModelCall, None]:
        calls: dict[str, _Call] = {}
        usage: object = None
        stream, piece, attempts = await self._begun(inquiry)
        async with aclosing(stream):
            while piece:
                if piece.text:
                    yield piece.text
                usage = piece.usage or usage
                for part in piece.calls:
                    _add(part, calls)
                piece = await anext(stream, None)
        for decision in _decisions(calls.values()):
            yield decision
        yield ModelCall(attempts, tokens(usage, "prompt"), tokens(usage, "completion"))

    async def summary(self, before: str, exchanges: tuple[Exchange, ...]) -> str:
        text = ""
        try:
            async with (
                self._clock.timeout(SUMMARY_SECONDS),
                aclosing(self._completions.stream(summary_messages(before, exchanges))) as stream,
            ):
                async for piece in stream:
                    text += piece.text
        except TimeoutError:
            raise ConsultantError(f"no summary within {SUMMARY_SECONDS:g} s") from None
        return clean(text)

    async def close(self) -> None:
        await self._completions.close()

    async def _begun(self, inquiry: Inquiry) -> tuple[AsyncGenerator[Piece], Piece | None, int]:
        """The stream, its first piece, and the attempts that it took: a failure that may pass is tried once more."""
        attempts = 0

        async def attempt() -> tuple[AsyncGenerator[Piece], Piece | None, int]:
            nonlocal attempts
            attempts += 1
            stream = self._completions.stream(self._prompt.messages(inquiry), FUNCTIONS, again=attempts > 1)
            return stream, await anext(stream, None), attempts

        return await tried(attempt, self._retrying)

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            sleep=self._clock.sleep,
            stop=stop_after_attempt(2),
            wait=wait_fixed(RETRY_SECONDS),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, CompletionFailed) and error.passing


def _add(part: dict[str, Any], calls: dict[str, _Call]) -> None:
    """Raises `CompletionFailed` for more than any answer has."""
    calls.setdefault(str(part.get("index")), _Call()).add(part)
    if len(calls) > MOST_CALLS:
        raise CompletionFailed(f"more than {MOST_CALLS} functions were called", passing=False)


def _decisions(calls: Iterable[_Call]) -> list[Decision]:
    """All that the model made. What it made up is told once, however many functions that are."""
    decided = [(call.name, call.decision()) for call in calls]
    if made_up := [name for name, decision in decided if decision is None]:
        log.warning("the model called functions that do not exist: %d, the first %r", len(made_up), made_up[0][:50])
    return [decision for _, decision in decided if decision]


class _Call:
    """A function call that arrives in pieces."""

    def __init__(self) -> None:
        self.name = self._arguments = ""

    def add(self, part: dict[str, Any]) -> None:
        function = part.get("function")
        if isinstance(function, dict):
            self.name += str(function.get("name") or "")
            self._arguments += str(function.get("arguments") or "")
            if len(self.name) + len(self._arguments) > CALL_LENGTH:
                raise CompletionFailed(f"a call did not end within {CALL_LENGTH} characters", passing=False)

    def decision(self) -> Decision | None:
        """The decision that the model made; None if it made up a function."""
        arguments = self._parsed()
        match self.name:
            case "end_conversation":
                return EndConversation()
            case "transfer_to_operator":
                return TransferToOperator(str(arguments.get("reason", "")))
            case "irrelevant":
                return Irrelevant()
            case "remember_client":
                return _client(arguments)
        return None

    def _parsed(self) -> dict[str, object]:
        try:
            arguments = orjson.loads(self._arguments or "{}")
        except ValueError:
            return {}
        return arguments if isinstance(arguments, dict) else {}


def _client(arguments: dict[str, object]) -> RememberClient:
    name, gender = arguments.get("name"), arguments.get("gender")
    return RememberClient(
        clean(name) if isinstance(name, str) and NAME.fullmatch(clean(name)) else None,
        gender if isinstance(gender, str) and gender in {"female", "male"} else None,
    )
