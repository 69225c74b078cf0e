"""The words of the daemon: message, session, reply, claim, outcome. Plain data; nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a message is on its way: accepted → answering → answered → sent, or failed, or expired."""

    ACCEPTED = "accepted"
    """Stored, nobody works on it."""
    ANSWERING = "answering"
    """A worker is composing the reply."""
    ANSWERED = "answered"
    """The reply is stored but TalkMe has not confirmed it."""
    SENT = "sent"
    """TalkMe confirmed the reply."""
    FAILED = "failed"
    """Given up, with a reason; can be tried again."""
    EXPIRED = "expired"
    """Too old to be spoken when a worker got to it."""

    @property
    def finished(self) -> bool:
        return self in FINISHED


FINISHED = frozenset({State.SENT, State.FAILED, State.EXPIRED})


class FinishCode(StrEnum):
    """How a dialog ends, in TalkMe's words (`customBot/finish`)."""

    SUCCESS = "SUCCESS"
    OPERATOR_REQUEST = "OPERATOR_REQUEST"
    IRRELEVANT_MESSAGE = "IRRELEVANT_MESSAGE"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One utterance of a caller, validated and normalised, not yet stored."""

    user_id: str
    session_id: str
    text: str
    token: str
    """TalkMe's token of this webhook; the reply is sent with it. A secret: never in logs or answers."""
    external_id: str | None = None
    """TalkMe's id of the message; the same id from the same user is the same message."""
    phone: str | None = None
    """E.164 where it is a valid number, else as given."""
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """How many messages of one `key` are accepted in a window that begins with the first of them."""

    name: str
    """Which limit it is: the setting's own word, such as `per_user`."""
    key: str
    """Whose: tells nobody who it is."""
    limit: int
    window: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the consultant says to one message, and what it decided."""

    text: str
    by: str
    """Who composed it: the name of a consultant."""
    finish: FinishCode | None = None
    """Ends the bot's part of the dialog once the text has been delivered."""
    client_name: str | None = None
    gender: str | None = None
    """`female`, `male` or unknown."""
    phone_number: str | None = None
    """E.164, where the caller has dictated it."""
    original: str | None = None
    """The consultant's own words, where they differ from what is spoken."""
    parts: tuple[str, ...] = ()
    """The sends in which `text` is delivered as it is written; empty where it is delivered at once."""
    sent: int = 0
    """Parts that TalkMe is known to have taken. One more may have been, if the worker died."""
    complete: bool = True
    """False while more parts may follow."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in the turn of a message. `at` is in Unix seconds; `details` hold no personal data."""

    at: float
    what: str
    details: Mapping[str, str | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One message in the inbox, with everything that has happened to it. Times are Unix seconds."""

    id: str
    incoming: Incoming
    state: State
    accepted_at: float
    waiting_since: float
    """When it began to wait: when it was accepted, or tried again."""
    updated_at: float
    attempts: int = 0
    """How often a worker has begun to work on it."""
    reply: Reply | None = None
    reason: str | None = None
    """Why it failed or expired."""
    timeline: tuple[Event, ...] = ()
    """What happened in its turn, oldest first."""


@dataclass(frozen=True, slots=True)
class Session:
    """The conversation with one `user_id`. Times are Unix seconds."""

    user_id: str
    session_id: str
    created_at: float
    last_activity: float
    conversation_since: float
    """When the present conversation began; what was said before it is not part of the dialog any more."""
    messages_count: int = 0
    """Messages accepted from the caller."""
    client_name: str | None = None
    gender: str | None = None
    phone_number: str | None = None
    ended: bool = False
    """The conversation is over, by the consultant's decision or by silence; the next message opens a new one."""
    summary: str | None = None
    """The older part of the present conversation in a few sentences; the transcript keeps it whole."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the caller said and what was answered, as the consultant sees the past."""

    text: str
    reply: str
    message_id: str = field(default="", compare=False)
    ended_at: float = field(default=0.0, compare=False)
    """When its turn ended, Unix seconds."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one worker to work on one message, and through it on its session, until `expires_at`."""

    message: Message
    session: Session
    history: tuple[Exchange, ...]
    """Earlier exchanges of the present conversation, oldest first: what was really sent, and is not in its summary."""
    fence: int
    """Grows with every claim on a session: a write with an older number is refused."""
    expires_at: float

    @property
    def user_id(self) -> str:
        return self.session.user_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message."""

    message_id: str
    state: State
    finish: FinishCode | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer of the inbox to a message it has stored, or had already."""

    message_id: str
    duplicate: bool = False
    """The store had it already and its first outcome counts."""


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One thing said in a session."""

    role: str
    """`caller` or `consultant`."""
    text: str
    at: float
    state: State
    reason: str | None = None
    """Why the message failed or expired."""
    original: str | None = None
    """The consultant's own words, where they differ from what was spoken."""
    timeline: tuple[Event, ...] = ()
    """Of a caller's line: what happened in the turn of the message."""
    message_id: str = ""
    """The message that it belongs to, the caller's or the one that is answered."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one caller has asked, in words that name nobody."""

    user_id: str
    text: str
    answered: bool
    """Whether the knowledge base had an answer."""
    confidence: float
    """Of the search, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that callers asked, in words that name nobody. `last_at` is Unix seconds."""

    text: str
    answered: bool
    """Whether the knowledge base had an answer when it was asked last."""
    confidence: float
    """Of the search then, 0 to 1."""
    count: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process, as it last reported itself. Times are Unix seconds."""

    id: str
    pid: int
    host: str
    started_at: float
    seen_at: float
    turns: int = 0
    """Turns it has under way."""
    consultant: str = ""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Webhooks it has refused, by HTTP status."""
    cpu: float | None = None
    """Processors it has kept busy since its report before: 0.5 is half of one. None with its first report."""
    memory: int | None = None
    """Bytes of it that are in memory; None where the system does not tell."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    """What else it measures of itself at this moment, by name."""
    counts: Mapping[str, float] = field(default_factory=dict)
    """What it has counted since it started, by name. Told to the store, not by it: there all workers are added up."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message whose turn is not finished, as far as one must know to see who waits. `since` is Unix seconds."""

    message_id: str
    user_id: str
    state: State
    since: float
    """When it began to wait: only its end stops this clock, nothing that is said to pass the time."""
    attempts: int
    worker: str | None = None
    """Whose latest claim it is; None while nobody has it."""


@dataclass(frozen=True, slots=True)
class Received:
    """When messages came. Hours are counted from the Unix epoch, so 168 of them make a week."""

    last_at: float | None
    """Of the latest message, Unix seconds; None before the first."""
    by_hour: Mapping[int, int]
    """Messages accepted in each hour that had any."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What one round of housekeeping did."""

    closed_sessions: int
    removed_messages: int
    removed_sessions: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures over all workers of a store. Latencies are seconds from when a message began to wait to having
    delivered its reply, of the latest replies, in ascending order."""

    total_sessions: int
    active_sessions: int
    messages_processed: int
    """Replies delivered since the store was made; clearing sessions does not lower it."""
    errors: int
    """Messages that failed since the store was made."""
    queue_depth: int
    oldest_waiting_since: float | None
    latencies: tuple[float, ...]
    answered_by: Mapping[str, int] = field(default_factory=dict)
    """Replies delivered since the store was made, by who composed them."""
    expired: int = 0
    """Messages that were too old to be answered, since the store was made."""
