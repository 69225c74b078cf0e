"""The forms of the administration's answers. Times are ISO 8601 in UTC, durations seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel

from server.knowledge.base import KnowledgeStatus
from server.models import Event, Message, Session, Totals, TranscriptLine, Worker
from server.observability.health import Check

SHOWN_OF_USER_ID = 10
"""Characters of a user id in figures that are not about this user."""


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


class ActiveSession(BaseModel):
    user_id: str
    messages_count: int
    client_name: str | None
    phone_number: str | None
    created_at: str
    last_activity: str


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


class Cleared(BaseModel):
    message: str


class AllCleared(Cleared):
    cleared_sessions: int


class Retried(Cleared):
    retried: int


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


class Queue(BaseModel):
    depth: int
    oldest_seconds: float | None


class Latency(BaseModel):
    """From accepting a message to having delivered its reply, of the latest thousand replies."""

    count: int
    p50: float | None
    p90: float | None
    p99: float | None


class WorkerAnswer(BaseModel):
    id: str
    pid: int
    host: str
    started_at: str
    seen_at: str
    turns: int
    consultant: str


class KnowledgeFigures(BaseModel):
    documents_count: int
    embedder: str
    problems: list[str]


class StatsAnswer(BaseModel):
    total_sessions: int
    active_sessions: int
    messages_processed: int
    errors: int
    answered_by: dict[str, int]
    """Replies delivered, by who composed them: `openai`, `second`, `offline`, or `fixed` where none could."""
    active_sessions_details: list[ActiveSession]
    queue: Queue
    latency: Latency
    uptime: float
    """Of the longest running worker."""
    workers: list[WorkerAnswer]
    refused: dict[str, int]
    """Webhooks that the living workers have refused, by HTTP status."""
    consultant: str
    talkme: str
    """Where replies go: the base address of TalkMe's API."""
    knowledge: KnowledgeFigures


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


def _happened(timeline: Sequence[Event]) -> list[Happened]:
    return [Happened(at=iso(event.at), event=event.what, details=dict(event.details)) for event in timeline]


def stats_answer(
    totals: Totals,
    active: Sequence[Session],
    workers: Sequence[Worker],
    consultant: str,
    talkme: str,
    knowledge: KnowledgeStatus,
    now: float,
) -> StatsAnswer:
    oldest = totals.oldest_waiting_since
    return StatsAnswer(
        total_sessions=totals.total_sessions,
        active_sessions=totals.active_sessions,
        messages_processed=totals.messages_processed,
        errors=totals.errors,
        answered_by=dict(totals.answered_by),
        active_sessions_details=[_active(session) for session in active],
        queue=Queue(depth=totals.queue_depth, oldest_seconds=None if oldest is None else round(now - oldest, 3)),
        latency=_latency(totals.latencies),
        uptime=round(now - min((worker.started_at for worker in workers), default=now), 3),
        workers=[_worker(worker) for worker in workers],
        consultant=consultant,
        talkme=talkme,
        refused=_summed(worker.refused for worker in workers),
        knowledge=KnowledgeFigures(
            documents_count=knowledge.documents_count, embedder=knowledge.embedder, problems=list(knowledge.problems)
        ),
    )


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


def _active(session: Session) -> ActiveSession:
    return ActiveSession(
        user_id=session.user_id[:SHOWN_OF_USER_ID] + "...",
        messages_count=session.messages_count,
        client_name=session.client_name,
        phone_number=session.phone_number,
        created_at=iso(session.created_at),
        last_activity=iso(session.last_activity),
    )


def _worker(worker: Worker) -> WorkerAnswer:
    return WorkerAnswer(
        id=worker.id,
        pid=worker.pid,
        host=worker.host,
        started_at=iso(worker.started_at),
        seen_at=iso(worker.seen_at),
        turns=worker.turns,
        consultant=worker.consultant,
    )


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for of_one in counts:
        total.update(of_one)
    return dict(sorted(total.items()))


def _latency(ascending: Sequence[float]) -> Latency:
    def percentile(percent: int) -> float | None:
        """By nearest rank: the value that so many percent do not exceed."""
        return round(ascending[-(-len(ascending) * percent // 100) - 1], 4) if ascending else None

    return Latency(count=len(ascending), p50=percentile(50), p90=percentile(90), p99=percentile(99))


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
