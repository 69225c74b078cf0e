"""What a consultant is: an inquiry in, a stream of text and at most a few decisions out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from server.knowledge.base import Findings
from server.models import Exchange, Session


@dataclass(frozen=True, slots=True)
class Correction:
    """What was wrong with the first answer."""

    complaint: str
    """In Russian, for the model."""
    spoken: str = ""
    """What the caller has heard of it already: the new answer goes on from there."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Everything a consultant may know about the message it answers. It never holds another caller's data."""

    session: Session
    history: tuple[Exchange, ...]
    """Earlier exchanges of this conversation, oldest first; empty on the first message."""
    text: str
    findings: Findings
    summary: str = ""
    """What was said before `history`, in a few sentences; empty while the history is whole."""
    correction: Correction | None = None
    """Given where a first answer was not fit to be spoken."""


@dataclass(frozen=True, slots=True)
class EndConversation:
    """The caller has said goodbye; the dialog ends after the reply."""


@dataclass(frozen=True, slots=True)
class TransferToOperator:
    """A human is to take over after the reply."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Irrelevant:
    """The message has nothing to do with the company; the bot leaves the dialog."""


@dataclass(frozen=True, slots=True)
class RememberClient:
    """What the caller said about himself. `gender` is `female`, `male` or None."""

    name: str | None = None
    gender: str | None = None


Decision = EndConversation | TransferToOperator | Irrelevant | RememberClient


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What an answer has taken, told behind it. Tokens are the provider's figures, None where it tells none."""

    attempts: int
    prompt_tokens: int | None
    completion_tokens: int | None


class Consultant(Protocol):
    """Answers one message at a time; keeps nothing between messages.

    The text parts of the stream, joined, are what the caller hears; decisions may stand anywhere among them, and what
    a model has taken behind them.
    A stream without text is possible only together with a decision. Raises `ConsultantError` when it cannot
    answer; it may have yielded a part by then.
    """

    @property
    def name(self) -> str:
        """Who answers, for people: `openai` or `offline`."""

    def reply(self, inquiry: Inquiry) -> AsyncGenerator[str | Decision | ModelCall, None]:
        """Stream the answer to one message."""

    async def close(self) -> None:
        """Give back connections. The consultant is not used afterwards."""
