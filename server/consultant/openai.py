"""The consultant behind an OpenAI-compatible endpoint: one streamed round trip a turn, decisions as function calls."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator
from datetime import datetime

import httpx2  # what the openai client is made of: errors of a stream that breaks come from here
from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAIError
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

from server.clock import Clock
from server.consultant.base import (
    Decision,
    EndConversation,
    Inquiry,
    Irrelevant,
    RememberClient,
    TransferToOperator,
)
from server.consultant.prompt import FUNCTIONS, Prompt
from server.errors import ConsultantError
from server.text import clean

log = logging.getLogger(__name__)

NAME_LENGTH = 60
"""Characters of a name that is worth remembering."""


class OpenAIConsultant:
    """One client for the life of a process. Nothing of a caller is kept here between turns."""

    name = "openai"

    def __init__(self, client: AsyncOpenAI, model: str, prompt: Prompt, clock: Clock) -> None:
        self._client, self._model, self._prompt, self._clock = client, model, prompt, clock

    async def reply(self, inquiry: Inquiry) -> AsyncGenerator[str | Decision, None]:
        today = datetime.fromtimestamp(self._clock.now())
        calls: dict[int, _Call] = {}
        try:
            stream = await self._client.chat.completions.create(
                model=self._model,
                messages=self._prompt.messages(inquiry, today),
                tools=FUNCTIONS,
                stream=True,
            )
            async with stream:
                async for chunk in stream:
                    for choice in chunk.choices[:1]:
                        if choice.delta.content:
                            yield choice.delta.content
                        for part in choice.delta.tool_calls or ():
                            calls.setdefault(part.index, _Call()).add(part)
        except (OpenAIError, httpx2.HTTPError, ValueError) as error:
            # Only the kind of error: its text may quote the key or the caller.
            status = getattr(error, "status_code", None)
            cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
            raise ConsultantError(f"{type(error).__name__}{f' {status}' if status else cause}") from error
        for call in calls.values():
            if decision := call.decision():
                yield decision

    async def close(self) -> None:
        await self._client.close()


def openai_client(api_key: str, base_url: str, timeout: float, connections: int) -> AsyncOpenAI:
    """Connections to the provider, as many as turns can be at work. `timeout`: seconds to connect, and a read."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    http = DefaultAioHttpClient(limits=limits, timeout=timeout)
    return AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=1, http_client=http)


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
        (clean(name)[:NAME_LENGTH] or None) if isinstance(name, str) else None,
        gender if isinstance(gender, str) and gender in {"female", "male"} else None,
    )
