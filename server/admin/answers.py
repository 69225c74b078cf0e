"""The forms of the administration's answers. Times are ISO 8601 in UTC, durations seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from server.admin.form import Form
from server.models import Event, Message, Session, TranscriptLine, Waiting
from server.observability.stages import DEAD, failed_in


class HealthCheck(Form):
    status: str
    """`ok`, `degraded` or `unavailable`."""
    detail: str
    """What is seen, for people."""


class HealthAnswer(Form):
    status: str
    """The worst of the checks: `ok`, `degraded` or `unavailable`."""
    service: str = "talkme_webhook"
    checks: dict[str, HealthCheck]
    """By the part that is looked at."""


class SessionAnswer(Form):
    user_id: str
    session_id: str
    """TalkMe's id of the dialog, as its latest message named it."""
    client_name: str | None
    """As the caller or TalkMe gave it."""
    gender: str | None
    """`female` or `male`, as far as the caller's words tell."""
    phone_number: str | None
    """E.164 where it is a valid number."""
    messages_count: int
    """Accepted from the caller."""
    created_at: str
    last_activity: str


class Happened(Form):
    at: str
    event: str
    """As listed in docs/consultant.md."""
    details: dict[str, str | float | bool | None]
    """Without texts and personal data."""


class MessageAnswer(Form):
    """One message and what happened in its turn, without what was said."""

    id: str
    """Our own number of the message."""
    user_id: str
    state: str
    """`accepted`, `answering`, `answered`, `sent`, `failed` or `expired`."""
    reason: str | None
    """Why it failed or expired."""
    failed_in: str | None
    """The stage in which it failed or expired at its latest try: `waiting`, `knowledge`, `model`, `talkme`, `worker` if
    workers died over it, or `ours`."""
    attempts: int
    """How often a worker has begun to work on it."""
    answered_by: str | None
    """Which consultant has composed the reply."""
    accepted_at: str
    waiting_since: str
    """When it was accepted, or tried again."""
    updated_at: str
    timeline: list[Happened]


class Line(Form):
    role: str
    """`caller` or `consultant`."""
    message_id: str
    text: str
    at: str
    state: str
    """Of the message that the line belongs to."""
    reason: str | None
    """Why the message failed or expired."""
    original: str | None
    """The consultant's own words, where they differ from what was spoken."""
    timeline: list[Happened]
    """Of a caller's line: what happened in the turn of the message. Without texts and personal data."""


class SessionWithTranscript(SessionAnswer):
    transcript: list[Line]


class SessionsAnswer(Form):
    sessions: list[SessionAnswer]
    more: bool
    """Others fit too: they are on the next page."""


class Cleared(Form):
    message: str


class AllCleared(Cleared):
    cleared_sessions: int


class Retried(Cleared):
    retried: int
    more: bool
    """Others are left, which were given up later: ask again."""


class WaitingMessage(Form):
    """A caller who has no whole answer yet; what is said to pass the time does not stop `seconds`."""

    id: str
    user_id: str
    state: str
    """`accepted`, `answering` or `answered`."""
    since: str
    """When it was accepted, or tried again."""
    seconds: float
    attempts: int
    worker: str | None
    """Whose claim it is; None while nobody has it."""


class WaitingAnswer(Form):
    waiting: list[WaitingMessage]


class DeadLetter(Form):
    id: str
    user_id: str
    session_id: str
    state: str
    """`failed` or `expired`."""
    text: str
    """What the caller said."""
    reply: str | None
    """What would be said, if it is known already."""
    reason: str | None
    """Why it was given up."""
    attempts: int
    """How often a worker has begun to work on it."""
    accepted_at: str
    updated_at: str


class FailedAnswer(Form):
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
        failed_in=failed_in(message) if message.state in DEAD else None,
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


def retried_answer(retried: int, *, more: bool) -> Retried:
    others = "; there are more, ask again" if more else ""
    return Retried(message=f"{retried} messages wait again{others}", retried=retried, more=more)


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
