"""`Store` in the memory of one process: which piece of work is whose.

All of it happens between two awaits, so no lock is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from server.clock import Clock
from server.models import (
    Accepted,
    Asked,
    Claim,
    Event,
    Incoming,
    Message,
    Outcome,
    Question,
    Quota,
    Received,
    Reply,
    Session,
    State,
    Swept,
    Totals,
    TranscriptLine,
    Waiting,
    Worker,
)
from server.stores.base import StoreLimits
from server.stores.memory import dead_letters, figures, inbox, leases, presence, questions, sessions
from server.stores.memory.tables import Tables
from server.stores.replies import cleared, outcome_of
from server.stores.waiting import Arrivals, Outcomes


class MemoryStore:
    """See `server.stores.base` for what the methods promise."""

    def __init__(self, limits: StoreLimits, clock: Clock) -> None:
        self._limits, self._clock = limits, clock
        self._tables = Tables(Arrivals(clock), Outcomes(clock))

    # Its life

    async def open(self) -> None: ...

    async def examine(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None:
        inbox.must_have_room(self._tables, self._limits, self._clock.now())

    # Inbox

    async def accept(self, incoming: Incoming, quotas: Sequence[Quota] = ()) -> Accepted:
        return inbox.accept(self._tables, incoming, quotas, self._limits, self._clock.now())

    async def claim(self, worker: str, lease: float, limit: int, wait: float = 0.0) -> Sequence[Claim]:
        now, history = self._clock.now(), self._limits.history
        due = leases.due(self._tables, lease, now)
        if not due:
            await self._tables.arrivals.wait(wait)
        return [leases.claim(self._tables, user_id, worker, lease, history, now) for user_id in due[:limit]]

    def wake(self) -> None:
        self._tables.arrivals.tell()

    async def renew(self, claims: Sequence[Claim], lease: float) -> Sequence[Claim]:
        return leases.renew(self._tables, claims, lease, self._clock.now())

    async def release(self, claims: Sequence[Claim]) -> None:
        leases.release(self._tables, claims, self._clock.now())

    async def save_reply(self, claim: Claim, reply: Reply, timeline: Sequence[Event] = ()) -> None:
        leases.save_reply(self._tables, claim, reply, timeline, self._clock.now())

    async def finish(
        self, claim: Claim, state: State, reason: str | None = None, timeline: Sequence[Event] = ()
    ) -> None:
        leases.finish(self._tables, claim, state, reason, timeline, self._clock.now())

    async def outcome(self, message_id: str, timeout: float) -> Outcome | None:
        async def look() -> Outcome | None:
            message = self._tables.messages.get(message_id)
            if message is None:
                return cleared(message_id)
            return outcome_of(message) if message.state.finished else None

        return await self._tables.outcomes.wait(message_id, timeout, look)

    async def message(self, message_id: str) -> Message | None:
        return self._tables.messages.get(message_id)

    # Dead letters

    async def dead(self, limit: int, since: float | None = None, *, oldest_first: bool = False) -> Sequence[Message]:
        return dead_letters.dead(self._tables, limit, since, oldest_first=oldest_first)

    async def retry(self, message_id: str) -> bool:
        return dead_letters.retry(self._tables, message_id, self._clock.now())

    async def drop(self, message_id: str) -> bool:
        return dead_letters.drop(self._tables, message_id)

    # Sessions

    async def session(self, user_id: str) -> Session | None:
        return self._tables.sessions.get(user_id)

    async def sessions(self, limit: int, active_since: float | None = None, offset: int = 0) -> Sequence[Session]:
        return sessions.sessions(self._tables, limit, active_since, offset)

    async def transcript(self, user_id: str) -> Sequence[TranscriptLine]:
        return sessions.transcript(self._tables, user_id)

    async def known_by_phone(self, phone: str, user_id: str) -> Session | None:
        return sessions.known_by_phone(self._tables, phone, user_id)

    async def save_summary(self, claim: Claim, summary: str, until: str) -> None:
        sessions.save_summary(self._tables, claim.session, summary, until)

    async def clear_session(self, user_id: str) -> bool:
        return sessions.clear_session(self._tables, user_id)

    async def clear_sessions(self) -> int:
        return sessions.clear_sessions(self._tables)

    async def sweep(self) -> Swept:
        return sessions.sweep(self._tables, self._limits, self._clock.now())

    async def totals(self, active_since: float) -> Totals:
        return sessions.totals(self._tables, active_since)

    # Figures

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        return figures.waiting(self._tables, limit)

    async def recent_timelines(self, limit: int) -> Sequence[Sequence[Event]]:
        return figures.recent_timelines(self._tables, limit)

    async def received(self) -> Received:
        return figures.received(self._tables)

    # Presence

    async def report(self, worker: Worker) -> None:
        presence.report(self._tables, worker)

    async def leave(self, worker_id: str) -> None:
        presence.leave(self._tables, worker_id)

    async def workers(self, seen_since: float) -> Sequence[Worker]:
        return presence.workers(self._tables, seen_since)

    async def counted(self) -> Mapping[str, float]:
        return dict(self._tables.counted)

    # Gaps

    async def note_questions(self, asked: Sequence[Question]) -> None:
        for question in asked:
            questions.note(self._tables, question, self._clock.now())

    async def questions(self, limit: int, answered: bool | None = None) -> Sequence[Asked]:
        return questions.questions(self._tables, limit, answered)

    async def forget_questions(self, texts: Sequence[str] | None = None) -> int:
        return questions.forget(self._tables, texts)
