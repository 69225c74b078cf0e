"""The documents of the daemon's administration API."""

from __future__ import annotations

from typing import Literal, TypedDict


class HealthCheck(TypedDict):
    status: str
    detail: str


class Health(TypedDict):
    status: Literal["ok", "degraded", "unavailable"]
    service: str
    checks: dict[str, HealthCheck]


class ActiveSession(TypedDict):
    """`user_id` is cut to its first 10 characters and "...". Times are ISO 8601, UTC."""

    user_id: str
    messages_count: int
    client_name: str | None
    phone_number: str | None
    created_at: str
    last_activity: str


class Queue(TypedDict):
    depth: int
    oldest_seconds: float | None


class Percentiles(TypedDict):
    """Seconds; None while there are none."""

    count: int
    p50: float | None
    p90: float | None
    p99: float | None


class LastMinute(TypedDict):
    """Replies delivered in the last 60 seconds, and the seconds they took."""

    replies: int
    p50: float | None
    p90: float | None


class Latency(Percentiles, total=False):
    """Of the seconds from accepting a message to having delivered its reply; also what not every daemon tells."""

    parts: dict[str, Percentiles]
    """Stage (`waiting`, `knowledge`, `first_token`, `model`, `talkme`) to the seconds of it."""
    last_minute: LastMinute


class Cost(TypedDict, total=False):
    """What a worker costs, where its daemon tells it."""

    cpu: float | None
    """Processors it keeps busy: 0.5 is half of one."""
    memory: int | None
    """Bytes."""


class Worker(Cost):
    id: str
    pid: int
    host: str
    started_at: str
    seen_at: str
    turns: int
    consultant: str


class LatestError(TypedDict):
    """`user_id` is cut to its first 10 characters and "..."; `stage` is where it failed."""

    id: str
    user_id: str
    at: str
    state: str
    stage: str
    reason: str | None


class Line(TypedDict):
    """When the last message came; `usually` is how many come in as long a time at this hour of the week."""

    last_at: str | None
    silent_seconds: float | None
    usually: float | None
    unusually_quiet: bool


class WaitingMessage(TypedDict):
    """A caller without a whole answer. `seconds` runs until it is delivered; `since` is ISO 8601, UTC."""

    id: str
    user_id: str
    state: str
    since: str
    seconds: float
    attempts: int
    worker: str | None


class WaitingMessages(TypedDict):
    waiting: list[WaitingMessage]


class Knowledge(TypedDict):
    documents_count: int
    embedder: str
    problems: list[str]


class Figures(TypedDict):
    """Figures over all workers and nodes of the store. `uptime` is seconds."""

    total_sessions: int
    active_sessions: int
    messages_processed: int
    errors: int
    active_sessions_details: list[ActiveSession]
    queue: Queue
    latency: Latency
    uptime: float
    workers: list[Worker]
    consultant: str
    knowledge: Knowledge


class Stats(Figures, total=False):
    """Also what not every daemon tells."""

    refused: dict[str, int]
    """HTTP status to how many webhooks the living workers refused with it since they started."""
    answered_by: dict[str, int]
    """Who composed the replies (`openai`, `second`, `offline`, `fixed`) to how many were delivered."""
    errors_by_stage: dict[str, int]
    """Of the latest errors, how many in which stage."""
    latest_errors: list[LatestError]
    line: Line
    talkme: str
    """Base address of the TalkMe that replies go to."""


class Session(TypedDict):
    """Times are ISO 8601, UTC."""

    user_id: str
    session_id: str
    client_name: str | None
    gender: Literal["female", "male"] | None
    phone_number: str | None
    messages_count: int
    created_at: str
    last_activity: str


class Happened(TypedDict):
    """One event of a turn. `at` is ISO 8601, UTC; `seconds` among the details is how long it took."""

    at: str
    event: str
    details: dict[str, str | float | bool | None]


class Told(TypedDict):
    """One message without what was said, and what happened in its turn."""

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


class Message(Told, total=False):
    """Also what not every daemon tells."""

    failed_in: str | None
    """The stage of its latest try: `waiting`, `knowledge`, `model`, `talkme`, `worker` or `ours`."""


class TranscriptLine(TypedDict):
    role: Literal["caller", "consultant"]
    message_id: str
    text: str
    at: str
    state: str
    reason: str | None
    """Why it failed or expired."""


class SessionDetail(Session):
    transcript: list[TranscriptLine]


class SessionList(TypedDict):
    sessions: list[Session]


class Sessions(SessionList, total=False):
    more: bool
    """Others fit too: they are on the next page."""


class Done(TypedDict):
    message: str


class AllCleared(Done):
    cleared_sessions: int


class DeadMessage(TypedDict):
    """A message that was not answered. Times are ISO 8601, UTC."""

    id: str
    user_id: str
    session_id: str
    state: Literal["failed", "expired"]
    text: str
    reply: str | None
    reason: str | None
    attempts: int
    accepted_at: str
    updated_at: str


class DeadMessages(TypedDict):
    failed: list[DeadMessage]


class Retried(Done):
    retried: int
    more: bool


class KnowledgeStatus(TypedDict):
    knowledge_base_exists: bool
    files_count: int
    documents_count: int
    updated_at: str | None
    embedder: str
    problems: list[str]


class Found(TypedDict):
    text: str
    source: str
    location: str
    score: float


class Search(TypedDict):
    """`confidence` is 0 to 1."""

    query: str
    confidence: float
    results: list[Found]


class Gap(TypedDict):
    """Questions that ask the same and have no answer; `count` is of all of them, `last_asked_at` ISO 8601, UTC."""

    question: str
    count: int
    confidence: float
    last_asked_at: str
    also: list[str]


class Gaps(TypedDict):
    total: int
    gaps: list[Gap]


class Forgotten(Done):
    forgotten: int


class Asked(TypedDict):
    text: str
    answered: bool
    confidence: float
    count: int


class Questions(TypedDict):
    questions: list[Asked]
