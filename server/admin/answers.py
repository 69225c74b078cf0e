"""The forms of the administration's answers. Times are ISO 8601 in UTC, durations seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel

from server.models import Event, Message, Session, TranscriptLine, Waiting
from server.observability.health import Check


class HealthCheck(BaseModel):
    status: str
    detail: str


class HealthAnswer(BaseModel):
    status: str
    service: str = "talkme_webhook"
    checks: dict[str, HealthCheck]

    @classmethod
    def of(cls, status: str, checks: dict[str, Check]) -> HealthAnswer:
        return cls(
            status=status,
            checks={name: HealthCheck(status=check.status, detail=check.detail) for name, check in checks.items()},
        )


class SessionAnswer(BaseModel):
    user_id: str
    session_id: str
    client_name: str | None
    gender: str | None
    phone_number: str | None
    messages_count: int
    created_at: str
    last_activity: str


class Happened(BaseModel):
    at: str
    event: str
    details: dict[str, str | float | bool | None]


class MessageAnswer(BaseModel):
    """One message and what happened in its turn, without what was said."""

    id: str
    user_id: str
    state: str
    reason: str | None
    attempts: int
    answered_by: str | None
    accepted_at: str
    waiting_since: str
    updated_at: str
    timeline: list[Happened]


class Line(BaseModel):
    role: str
    message_id: str
    text: str
    at: str
    state: str
    reason: str | None
    """Why the message failed or expired."""
    original: str | None
    """The consultant's own words, where they differ from what was spoken."""
    timeline: list[Happened]
    """Of a caller's line: what happened in the turn of the message. Without texts and personal data."""


class SessionWithTranscript(SessionAnswer):
    transcript: list[Line]


class SessionsAnswer(BaseModel):
    sessions: list[SessionAnswer]
    more: bool
    """Others fit too: they are on the next page."""


class Cleared(BaseModel):
    message: str


class AllCleared(Cleared):
    cleared_sessions: int


class Retried(Cleared):
    retried: int


class WaitingMessage(BaseModel):
    """A caller who has no whole answer yet; what is said to pass the time does not stop `seconds`."""

    id: str
    user_id: str
    state: str
    since: str
    seconds: float
    attempts: int
    worker: str | None
    """Whose claim it is; None while nobody has it."""


class WaitingAnswer(BaseModel):
    waiting: list[WaitingMessage]


class DeadLetter(BaseModel):
    id: str
    user_id: str
    session_id: str
    state: str
    text: str
    reply: str | None
    reason: str | None
    attempts: int
    accepted_at: str
    updated_at: str


class FailedAnswer(BaseModel):
    failed: list[DeadLetter]


def session_answer(session: Session) -> SessionAnswer:
    return SessionAnswer(
        user_id=session.user_id,
        session_id=session.session_id,
        client_name=session.client_name,
        gender=session.gender,
        phone_number=session.phone_number,
        messages_count=session.messages_count,
        created_at=iso(session.created_at),
        last_activity=iso(session.last_activity),
    )


def transcript_answer(session: Session, lines: Sequence[TranscriptLine]) -> SessionWithTranscript:
    said = [
        Line(
            role=line.role,
            message_id=line.message_id,
            text=line.text,
            at=iso(line.at),
            state=line.state,
            reason=line.reason,
            original=line.original,
            timeline=_happened(line.timeline),
        )
        for line in lines
    ]
    return SessionWithTranscript(**session_answer(session).model_dump(), transcript=said)


def message_answer(message: Message) -> MessageAnswer:
    return MessageAnswer(
        id=message.id,
        user_id=message.incoming.user_id,
        state=message.state,
        reason=message.reason,
        attempts=message.attempts,
        answered_by=message.reply.by if message.reply else None,
        accepted_at=iso(message.accepted_at),
        waiting_since=iso(message.waiting_since),
        updated_at=iso(message.updated_at),
        timeline=_happened(message.timeline),
    )


def waiting_answer(waiting: Sequence[Waiting], now: float) -> WaitingAnswer:
    return WaitingAnswer(
        waiting=[
            WaitingMessage(
                id=one.message_id,
                user_id=one.user_id,
                state=one.state,
                since=iso(one.since),
                seconds=round(max(0.0, now - one.since), 3),
                attempts=one.attempts,
                worker=one.worker,
            )
            for one in waiting
        ]
    )


def _happened(timeline: Sequence[Event]) -> list[Happened]:
    return [Happened(at=iso(event.at), event=event.what, details=dict(event.details)) for event in timeline]


def dead_letter(message: Message) -> DeadLetter:
    return DeadLetter(
        id=message.id,
        user_id=message.incoming.user_id,
        session_id=message.incoming.session_id,
        state=message.state,
        text=message.incoming.text,
        reply=message.reply.text if message.reply else None,
        reason=message.reason,
        attempts=message.attempts,
        accepted_at=iso(message.accepted_at),
        updated_at=iso(message.updated_at),
    )


def failed_answer(messages: Sequence[Message]) -> FailedAnswer:
    return FailedAnswer(failed=[dead_letter(message) for message in messages])


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
