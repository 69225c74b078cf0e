"""The form of the figures: `GET /webhook/talkme/stats`. Times are ISO 8601 in UTC, durations seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from server.admin.answers import iso
from server.admin.form import Form
from server.knowledge.base import KnowledgeStatus
from server.models import Event, Message, Received, Session, Totals, Worker
from server.observability.quiet import Silence, silence
from server.observability.stages import STAGES, failed_in, latest_try, seconds_by_stage

SHOWN_OF_USER_ID = 10
"""Characters of a user id in figures that are not about this user."""
LATEST_ERRORS = 10
"""Errors that are told one by one."""
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Looked:
    """What the store has said."""

    totals: Totals
    active: Sequence[Session]
    workers: Sequence[Worker]
    dead: Sequence[Message]
    timelines: Sequence[Sequence[Event]]
    received: Received


class ActiveSession(Form):
    user_id: str
    """Its first 10 characters and `...`."""
    messages_count: int
    client_name: str | None
    phone_number: str | None
    created_at: str
    last_activity: str


class Queue(Form):
    depth: int
    """Messages that wait or are worked on."""
    oldest_seconds: float | None
    """How long the oldest of them has waited."""


class Percentiles(Form):
    """Seconds, None where there are none."""

    count: int
    p50: float | None
    p90: float | None
    p99: float | None


class LastMinute(Form):
    """Replies delivered in the last 60 seconds, as far as they are among the latest 300, and seconds they took."""

    replies: int
    p50: float | None
    p90: float | None


class Latency(Percentiles):
    """From accepting a message to having delivered its reply, of the latest thousand replies."""

    parts: dict[str, Percentiles]
    """Seconds of the stages `waiting`, `knowledge`, `first_token`, `model` and `talkme`, of the latest replies that had
    them."""
    last_minute: LastMinute


class WorkerAnswer(Form):
    id: str
    pid: int
    host: str
    started_at: str
    seen_at: str
    """Its latest report."""
    turns: int
    """Under way."""
    consultant: str
    """Who answers first."""
    cpu: float | None
    """Processors it keeps busy: 0.5 is half of one."""
    memory: int | None
    """Bytes."""


class LatestError(Form):
    """`user_id` is cut as in the active sessions; `stage` is where it failed."""

    id: str
    user_id: str
    at: str
    state: str
    stage: str
    reason: str | None


class Line(Form):
    """When the last message came. `usually` is how many come in as long a time at this hour of the week, None until a
    week is known."""

    last_at: str | None
    silent_seconds: float | None
    """Since then."""
    usually: float | None
    unusually_quiet: bool


class KnowledgeFigures(Form):
    documents_count: int
    embedder: str
    problems: list[str]


class StatsAnswer(Form):
    total_sessions: int
    """Known to the store."""
    active_sessions: int
    """Of them, those that have not ended and are not silent for `store.session_idle`."""
    messages_processed: int
    """Replies delivered since the store was made."""
    errors: int
    """Messages that failed since the store was made."""
    errors_by_stage: dict[str, int]
    """Of the latest 100 messages that failed or expired: how many in which stage."""
    latest_errors: list[LatestError]
    """The latest 10."""
    answered_by: dict[str, int]
    """Replies delivered, by who composed them: `openai`, `second`, `offline`, or `fixed` where none could."""
    active_sessions_details: list[ActiveSession]
    """The latest 100."""
    queue: Queue
    latency: Latency
    uptime: float
    """Seconds; of the longest running worker."""
    workers: list[WorkerAnswer]
    refused: dict[str, int]
    """Webhooks that the living workers have refused, by HTTP status."""
    consultant: str
    """Who answers first."""
    talkme: str
    """Where replies go: the base address of TalkMe's API."""
    knowledge: KnowledgeFigures
    line: Line


def stats_answer(looked: Looked, consultant: str, talkme: str, knowledge: KnowledgeStatus, now: float) -> StatsAnswer:
    totals, workers = looked.totals, looked.workers
    oldest = totals.oldest_waiting_since
    return StatsAnswer(
        total_sessions=totals.total_sessions,
        active_sessions=totals.active_sessions,
        messages_processed=totals.messages_processed,
        errors=totals.errors,
        errors_by_stage=_counted(failed_in(message) for message in looked.dead),
        latest_errors=[_latest_error(message) for message in looked.dead[:LATEST_ERRORS]],
        answered_by=dict(totals.answered_by),
        active_sessions_details=[_active(session) for session in looked.active],
        queue=Queue(depth=totals.queue_depth, oldest_seconds=None if oldest is None else round(now - oldest, 3)),
        latency=_latency(totals.latencies, looked.timelines, now),
        uptime=round(now - min((worker.started_at for worker in workers), default=now), 3),
        workers=[_worker(worker) for worker in workers],
        consultant=consultant,
        talkme=talkme,
        refused=_summed(worker.refused for worker in workers),
        knowledge=KnowledgeFigures(
            documents_count=knowledge.documents_count, embedder=knowledge.embedder, problems=list(knowledge.problems)
        ),
        line=_line(silence(looked.received, now)),
    )


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
        cpu=worker.cpu,
        memory=worker.memory,
    )


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for of_one in counts:
        total.update(of_one)
    return dict(sorted(total.items()))


def _counted(stages: Iterable[str]) -> dict[str, int]:
    return dict(Counter(stages).most_common())


def _latest_error(message: Message) -> LatestError:
    return LatestError(
        id=message.id,
        user_id=message.incoming.user_id[:SHOWN_OF_USER_ID] + "...",
        at=iso(message.updated_at),
        state=message.state,
        stage=failed_in(message),
        reason=message.reason,
    )


def _line(since: Silence) -> Line:
    return Line(
        last_at=None if since.last_at is None else iso(since.last_at),
        silent_seconds=since.seconds,
        usually=since.usually,
        unusually_quiet=since.unusual,
    )


def _latency(ascending: Sequence[float], timelines: Sequence[Sequence[Event]], now: float) -> Latency:
    turns = [latest_try(timeline) for timeline in timelines]
    split = [seconds_by_stage(turn) for turn in turns]
    parts = {stage: _percentiles(sorted(turn[stage] for turn in split if stage in turn)) for stage in STAGES}
    minute = sorted(turn[-1].at - turn[0].at for turn in turns if turn[-1].at > now - MINUTE)
    return Latency(
        **_percentiles(ascending).model_dump(),
        parts=parts,
        last_minute=LastMinute(replies=len(minute), p50=_percentile(minute, 50), p90=_percentile(minute, 90)),
    )


def _percentiles(ascending: Sequence[float]) -> Percentiles:
    p50, p90, p99 = (_percentile(ascending, percent) for percent in (50, 90, 99))
    return Percentiles(count=len(ascending), p50=p50, p90=p90, p99=p99)


def _percentile(ascending: Sequence[float], percent: int) -> float | None:
    """By nearest rank: the value that so many percent do not exceed."""
    return round(ascending[-(-len(ascending) * percent // 100) - 1], 4) if ascending else None
