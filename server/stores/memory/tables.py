"""What an engine has in its tables, in dictionaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from server.models import Asked, Message, Session, State, Worker
from server.stores.waiting import Arrivals, Outcomes


@dataclass(slots=True)
class Tables:
    """All that is stored, and whom to tell when it changes. Moments are Unix seconds."""

    arrivals: Arrivals
    outcomes: Outcomes
    messages: dict[str, Message] = field(default_factory=dict)
    """By id, in the order of their acceptance."""
    message_ids: Iterator[int] = field(default_factory=lambda: count(1))

    sessions: dict[str, Session] = field(default_factory=dict)
    """By user, as are the four below."""
    available: dict[str, float] = field(default_factory=dict)
    """When a session that has something to do may be claimed: at the end of its lease, if it is held."""
    fences: dict[str, int] = field(default_factory=dict)
    """Of the claims that hold a session."""
    holders: dict[str, str] = field(default_factory=dict)
    """The worker that claimed a session last."""
    summarised: dict[str, int] = field(default_factory=dict)
    """The message up to which a session's summary reaches."""
    next_fence: Iterator[int] = field(default_factory=lambda: count(1))

    spent: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By key of the quota: how much of it, and when its window ends."""

    finished: Counter[State] = field(default_factory=Counter)
    """How many messages have ended in each state."""
    answered_by: Counter[str] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)
    """By hour since the epoch."""
    last_received: float | None = None

    workers: dict[str, Worker] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)

    questions: dict[str, Asked] = field(default_factory=dict)
    """By their text; those that leave first, where they are too many, stand first."""
    askers: dict[str, Counter[str]] = field(default_factory=dict)
    """By user: how many times which question."""

    def put(self, message: Message) -> None:
        self.messages[message.id] = message

    def of_user(self, user_id: str) -> list[Message]:
        return [message for message in self.messages.values() if message.incoming.user_id == user_id]

    def waiting(self) -> list[Message]:
        return [message for message in self.messages.values() if not message.state.finished]

    def waiting_of(self, user_id: str) -> list[Message]:
        return [message for message in self.waiting() if message.incoming.user_id == user_id]

    def offer(self, user_id: str, now: float) -> None:
        """The session has something to do, and whoever looks for work may take it unless it is held."""
        self.available.setdefault(user_id, now)
        self.arrivals.tell()
