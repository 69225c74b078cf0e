"""The consultant behind an OpenAI-compatible endpoint: one streamed round trip a turn, decisions as function calls."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from server.clock import Clock
from server.consultant.base import (
    Decision,
    Inquiry,
    ModelCall,
)
from server.consultant.completion import CompletionFailed, Completions, Piece
from server.consultant.function_calls import FunctionCalls
from server.consultant.model_calls import tokens
from server.consultant.prompt import FUNCTIONS, Prompt, summary_messages
from server.errors import ConsultantError
from server.models import Exchange
from server.retrying import tried
from server.text import clean

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
SUMMARY_SECONDS = 30.0


class OpenAIConsultant:
    """One for the life of a process. Nothing of a caller is kept here between turns."""

    def __init__(self, completions: Completions, prompt: Prompt, clock: Clock, name: str = "openai") -> None:
        self._completions, self._prompt, self._clock, self.name = completions, prompt, clock, name

    async def reply(self, inquiry: Inquiry) -> AsyncGenerator[str | Decision | ModelCall, None]:
        calls = FunctionCalls()
        usage: object = None
        stream, piece, attempts = await self._begun(inquiry)
        async with aclosing(stream):
            while piece:
                if piece.text:
                    yield piece.text
                usage = piece.usage or usage
                for part in piece.calls:
                    calls.add(part)
                piece = await anext(stream, None)
        for decision in calls.decisions():
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
