"""The consultant behind an OpenAI-compatible endpoint: one streamed round trip a turn, decisions as function calls."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from http import HTTPStatus
from typing import Any

import httpx2  # what the openai client is made of: errors of a stream that breaks come from here
from openai import APIConnectionError, APIStatusError, AsyncAPIResponse, AsyncOpenAI, DefaultAioHttpClient, OpenAIError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from server.clock import Clock
from server.consultant.base import (
    Decision,
    EndConversation,
    Inquiry,
    Irrelevant,
    RememberClient,
    TransferToOperator,
)
from server.consultant.prompt import FUNCTIONS, Prompt, summary_messages
from server.errors import ConsultantError
from server.models import Exchange
from server.text import clean

log = logging.getLogger(__name__)

NAME = re.compile(r"[^\W\d_]{2,30}(?:[ -][^\W\d_]{2,30}){0,2}")
"""What may be remembered as a name, and spoken later: up to three words without digits or signs."""
Piece = dict[str, Any]
"""The `delta` of one event of a streamed completion."""
RETRY_SECONDS = 0.2
SUMMARY_SECONDS = 30.0
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}


class OpenAIConsultant:
    """One client for the life of a process. Nothing of a caller is kept here between turns."""

    def __init__(self, client: AsyncOpenAI, model: str, prompt: Prompt, clock: Clock, name: str = "openai") -> None:
        self._client, self._model, self._prompt, self._clock, self.name = client, model, prompt, clock, name

    async def reply(self, inquiry: Inquiry) -> AsyncGenerator[str | Decision, None]:
        calls: dict[str, _Call] = {}
        try:
            async with AsyncExitStack() as stack:
                stream, piece = await self._begun(inquiry, stack)
                while piece is not None:
                    if isinstance(content := piece.get("content"), str) and content:
                        yield content
                    for part in _objects(piece.get("tool_calls")):
                        calls.setdefault(str(part.get("index")), _Call()).add(part)
                    piece = await anext(stream, None)
        except (OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise _told(error) from error
        for call in calls.values():
            if decision := call.decision():
                yield decision

    async def summary(self, before: str, exchanges: tuple[Exchange, ...]) -> str:
        text = ""
        try:
            async with (
                self._clock.timeout(SUMMARY_SECONDS),
                self._client.chat.completions.with_streaming_response.create(
                    model=self._model, messages=summary_messages(before, exchanges), stream=True
                ) as response,
            ):
                async for piece in _pieces(response):
                    text += str(piece.get("content") or "")
        except (OpenAIError, httpx2.HTTPError, ValueError, TimeoutError) as error:
            raise _told(error) from error
        return clean(text)

    async def close(self) -> None:
        await self._client.close()

    async def _begun(self, inquiry: Inquiry, stack: AsyncExitStack) -> tuple[AsyncIterator[Piece], Piece | None]:
        """The stream and its first piece. Until then a failure that may pass is tried once more."""
        async for attempt in AsyncRetrying(
            sleep=self._clock.sleep,
            stop=stop_after_attempt(2),
            wait=wait_fixed(RETRY_SECONDS),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        ):
            with attempt:
                response = await stack.enter_async_context(
                    self._client.chat.completions.with_streaming_response.create(
                        model=self._model, messages=self._prompt.messages(inquiry), tools=FUNCTIONS, stream=True
                    )
                )
                stream = await stack.enter_async_context(aclosing(_pieces(response)))
                return stream, await anext(stream, None)
        raise AssertionError("the last attempt raises")


def openai_client(api_key: str, base_url: str, connect: float, connections: int) -> AsyncOpenAI:
    """Connections to the provider, as many as turns can be at work. `connect`: seconds to make one.

    How long an answer may take, whoever reads it looks after.
    """
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    timeout = httpx2.Timeout(None, connect=connect)
    http = DefaultAioHttpClient(limits=limits, timeout=timeout)
    return AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0, http_client=http)


async def _pieces(response: AsyncAPIResponse[Any]) -> AsyncGenerator[Piece]:
    """The deltas of a streamed completion, by the lines of its event stream (WHATWG HTML, 9.2).

    The client's own chunk objects cost more CPU than all the rest of a turn. Raises `ValueError` for what is no event.
    """
    async for line in response.iter_lines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        event = json.loads(data)
        if not isinstance(event, dict) or "error" in event:
            raise ValueError("the stream tells of an error")
        for choice in _objects(event.get("choices"))[:1]:
            delta = choice.get("delta")
            yield delta if isinstance(delta, dict) else {}


def _objects(found: object) -> list[dict[str, Any]]:
    """The JSON objects of what should be a list of them."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _told(error: Exception) -> ConsultantError:
    """Only the kind of error: its text may quote the key or the caller."""
    status = getattr(error, "status_code", None)
    cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
    return ConsultantError(f"{type(error).__name__}{f' {status}' if status else cause}")


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, APIStatusError):
        return error.status_code in PASSING or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, APIConnectionError | httpx2.TransportError)


class _Call:
    """A function call that arrives in pieces."""

    def __init__(self) -> None:
        self._name = self._arguments = ""

    def add(self, part: Piece) -> None:
        function = part.get("function")
        if isinstance(function, dict):
            self._name += str(function.get("name") or "")
            self._arguments += str(function.get("arguments") or "")

    def decision(self) -> Decision | None:
        """The decision that the model made; None if it made up a function."""
        arguments = self._parsed()
        match self._name:
            case "end_conversation":
                return EndConversation()
            case "transfer_to_operator":
                return TransferToOperator(str(arguments.get("reason", "")))
            case "irrelevant":
                return Irrelevant()
            case "remember_client":
                return _client(arguments)
        log.warning("the model called a function that does not exist: %r", self._name[:50])
        return None

    def _parsed(self) -> dict[str, object]:
        try:
            arguments = json.loads(self._arguments or "{}")
        except (ValueError, RecursionError):
            return {}
        return arguments if isinstance(arguments, dict) else {}


def _client(arguments: dict[str, object]) -> RememberClient:
    name, gender = arguments.get("name"), arguments.get("gender")
    return RememberClient(
        clean(name) if isinstance(name, str) and NAME.fullmatch(clean(name)) else None,
        gender if isinstance(gender, str) and gender in {"female", "male"} else None,
    )
