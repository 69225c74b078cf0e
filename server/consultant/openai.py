"""The consultant behind an OpenAI-compatible endpoint: one streamed round trip a turn, decisions as function calls."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from http import HTTPStatus

import httpx2  # what the openai client is made of: errors of a stream that breaks come from here
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, AsyncStream, DefaultAioHttpClient, OpenAIError
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall
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
RETRY_SECONDS = 0.2
SUMMARY_SECONDS = 30.0
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}


class OpenAIConsultant:
    """One client for the life of a process. Nothing of a caller is kept here between turns."""

    def __init__(self, client: AsyncOpenAI, model: str, prompt: Prompt, clock: Clock, name: str = "openai") -> None:
        self._client, self._model, self._prompt, self._clock, self.name = client, model, prompt, clock, name

    async def reply(self, inquiry: Inquiry) -> AsyncGenerator[str | Decision, None]:
        calls: dict[int, _Call] = {}
        try:
            async with AsyncExitStack() as stack:
                stream, chunk = await self._begun(inquiry, stack)
                while chunk is not None:
                    for choice in chunk.choices[:1]:
                        if choice.delta.content:
                            yield choice.delta.content
                        for part in choice.delta.tool_calls or ():
                            calls.setdefault(part.index, _Call()).add(part)
                    chunk = await anext(stream, None)
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
                await self._client.chat.completions.create(
                    model=self._model, messages=summary_messages(before, exchanges), stream=True
                ) as stream,
            ):
                async for chunk in stream:
                    text += "".join(choice.delta.content or "" for choice in chunk.choices[:1])
        except (OpenAIError, httpx2.HTTPError, ValueError, TimeoutError) as error:
            raise _told(error) from error
        return clean(text)

    async def close(self) -> None:
        await self._client.close()

    async def _begun(
        self, inquiry: Inquiry, stack: AsyncExitStack
    ) -> tuple[AsyncIterator[ChatCompletionChunk], ChatCompletionChunk | None]:
        """The stream and its first piece. Until then a failure that may pass is tried once more."""
        async for attempt in AsyncRetrying(
            sleep=self._clock.sleep,
            stop=stop_after_attempt(2),
            wait=wait_fixed(RETRY_SECONDS),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        ):
            with attempt:
                stream = aiter(await stack.enter_async_context(await self._asked(inquiry)))
                return stream, await anext(stream, None)
        raise AssertionError("the last attempt raises")

    async def _asked(self, inquiry: Inquiry) -> AsyncStream[ChatCompletionChunk]:
        return await self._client.chat.completions.create(
            model=self._model, messages=self._prompt.messages(inquiry), tools=FUNCTIONS, stream=True
        )


def openai_client(api_key: str, base_url: str, connect: float, connections: int) -> AsyncOpenAI:
    """Connections to the provider, as many as turns can be at work. `connect`: seconds to make one.

    How long an answer may take, whoever reads it looks after.
    """
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    timeout = httpx2.Timeout(None, connect=connect)
    http = DefaultAioHttpClient(limits=limits, timeout=timeout)
    return AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0, http_client=http)


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

    def add(self, part: ChoiceDeltaToolCall) -> None:
        if part.function:
            self._name += part.function.name or ""
            self._arguments += part.function.arguments or ""

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
