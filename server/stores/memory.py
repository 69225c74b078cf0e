"""The store that forgets: for tests alone. It keeps the same promises as long as its process lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from server.clock import Clock
from server.errors import InboxFull, LeaseLost, TooMany
from server.models import (
    Accepted,
    Asked,
    Claim,
    Event,
    Exchange,
    Incoming,
    Message,
    Outcome,
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
from server.stores.base import HOURS_KEPT, QUESTIONS_KEPT, RECENT_REPLIES, StoreLimits
from server.stores.counts import growth
from server.stores.overload import must_be_soon
from server.stores.replies import cleared, exchange_of, lines_of, outcome_of
from server.stores.waiting import Arrivals, Outcomes


class MemoryStore:
    """See `server.stores.base`. All of it happens between two awaits, so no lock is needed."""

    def __init__(self, limits: StoreLimits, clock: Clock) -> None:
        self._limits, self._clock = limits, clock
        self._outcomes = Outcomes(clock)
        self._arrivals = Arrivals(clock)
        self._messages: dict[str, Message] = {}
        self._sessions: dict[str, Session] = {}
        self._available: dict[str, float] = {}
        self._fences: dict[str, int] = {}
        self._holders: dict[str, str] = {}
        self._received: Counter[int] = Counter()
        self._last_received: float | None = None
        self._workers: dict[str, Worker] = {}
        self._questions: dict[str, Asked] = {}
        self._askers: dict[str, Counter[str]] = {}
        self._answered_by: Counter[str] = Counter()
        self._spent: dict[str, tuple[int, float]] = {}
        self._summarised: dict[str, int] = {}
        self._counted: dict[str, float] = {}
        self._last_id = self._last_fence = self._sent = self._failed = self._expired = 0

    async def open(self) -> None: ...

    async def examine(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None:
        self._must_have_room()

    # Inbox

    async def accept(self, incoming: Incoming, quotas: Sequence[Quota] = ()) -> Accepted:
        now = self._clock.now()
        if first := self._same_message(incoming):
            if first.state == State.FAILED:
                self._try_again(first, incoming.token)
            return Accepted(first.id, duplicate=True)
        self._must_have_room()
        own = sum(message.incoming.user_id == incoming.user_id for message in self._waiting())
        if own >= self._limits.per_session:
            raise InboxFull(f"{own} messages of this session wait, as many as limits.inbox_per_session allows")
        self._spend(quotas, now)
        self._touch_session(incoming, now)
        self._last_id += 1
        self._received[int(now // 3600)] += 1
        self._last_received = now
        self._put(Message(str(self._last_id), incoming, State.ACCEPTED, now, now, now))
        self._available.setdefault(incoming.user_id, now)
        self._arrivals.tell()
        return Accepted(str(self._last_id))

    async def claim(self, worker: str, lease: float, limit: int, wait: float = 0.0) -> Sequence[Claim]:
        now = self._clock.now()
        due = sorted((at, user_id) for user_id, at in self._available.items() if at <= now)
        if not due:
            await self._arrivals.wait(wait)
        return [self._claim_session(user_id, worker, lease, now) for _, user_id in due[:limit]]

    def wake(self) -> None:
        self._arrivals.tell()

    async def renew(self, claims: Sequence[Claim], lease: float) -> Sequence[Claim]:
        held = [claim for claim in claims if self._holds(claim)]
        for claim in held:
            self._available[claim.user_id] = self._clock.now() + lease
        return [replace(claim, expires_at=self._available[claim.user_id]) for claim in held]

    async def release(self, claims: Sequence[Claim]) -> None:
        for claim in filter(self._holds, claims):
            message = self._messages[claim.message.id]
            state = State.ANSWERED if message.reply else State.ACCEPTED
            self._put(replace(message, state=state, attempts=message.attempts - 1))
            self._available[claim.user_id] = self._clock.now()
            del self._fences[claim.user_id]
            self._arrivals.tell()

    async def save_reply(self, claim: Claim, reply: Reply, timeline: Sequence[Event] = ()) -> None:
        self._must_hold(claim)
        message = self._messages[claim.message.id]
        kept = tuple(timeline) or message.timeline
        self._put(replace(message, state=State.ANSWERED, reply=reply, updated_at=self._clock.now(), timeline=kept))

    async def finish(
        self, claim: Claim, state: State, reason: str | None = None, timeline: Sequence[Event] = ()
    ) -> None:
        self._must_hold(claim)
        now, user_id = self._clock.now(), claim.user_id
        message = self._messages[claim.message.id]
        kept = tuple(timeline) or message.timeline
        message = replace(message, state=state, reason=reason, updated_at=now, timeline=kept)
        self._put(message)
        self._sent += state == State.SENT
        self._failed += state == State.FAILED
        self._expired += state == State.EXPIRED
        del self._fences[user_id], self._available[user_id]
        more = any(waiting.incoming.user_id == user_id for waiting in self._waiting())
        if more:
            self._available[user_id] = now
            self._arrivals.tell()
        said = message.reply if state == State.SENT else None
        session = self._sessions[user_id]
        self._sessions[user_id] = replace(
            session,
            last_activity=now,
            ended=bool(said and said.finish and not more),
            client_name=(said and said.client_name) or session.client_name,
            gender=(said and said.gender) or session.gender,
            phone_number=(said and said.phone_number) or session.phone_number,
        )
        if said:
            self._answered_by[said.by] += 1
        self._outcomes.tell(outcome_of(message))

    async def outcome(self, message_id: str, timeout: float) -> Outcome | None:
        async def look() -> Outcome | None:
            message = self._messages.get(message_id)
            if message is None:
                return cleared(message_id)
            return outcome_of(message) if message.state.finished else None

        return await self._outcomes.wait(message_id, timeout, look)

    async def message(self, message_id: str) -> Message | None:
        return self._messages.get(message_id)

    # Dead letters

    async def dead(self, limit: int, since: float | None = None) -> Sequence[Message]:
        found = [
            message for message in self._messages.values() if _dead(message) and message.updated_at >= (since or 0)
        ]
        return sorted(found, key=lambda message: (-message.updated_at, -int(message.id)))[:limit]

    async def retry(self, message_id: str) -> bool:
        message = self._messages.get(message_id)
        if message is None or not _dead(message):
            return False
        self._try_again(message)
        return True

    async def drop(self, message_id: str) -> bool:
        message = self._messages.get(message_id)
        if message is None or not _dead(message):
            return False
        del self._messages[message_id]
        return True

    # Sessions

    async def session(self, user_id: str) -> Session | None:
        return self._sessions.get(user_id)

    async def sessions(self, limit: int, active_since: float | None = None, offset: int = 0) -> Sequence[Session]:
        found = [s for s in self._sessions.values() if active_since is None or _active(s, active_since)]
        return sorted(found, key=lambda session: -session.last_activity)[offset : offset + limit]

    async def transcript(self, user_id: str) -> Sequence[TranscriptLine]:
        said = [message for message in self._messages.values() if message.incoming.user_id == user_id]
        return [line for message in said for line in lines_of(message)]

    async def known_by_phone(self, phone: str, user_id: str) -> Session | None:
        others = (m.incoming for m in reversed(self._messages.values()) if m.incoming.user_id != user_id)
        known = (self._sessions[other.user_id] for other in others if other.phone == phone)
        return next((session for session in known if session.client_name), None)

    async def save_summary(self, claim: Claim, summary: str, until: str) -> None:
        session = self._sessions.get(claim.user_id)
        if session and session.conversation_since == claim.session.conversation_since:
            self._sessions[claim.user_id] = replace(session, summary=summary)
            self._summarised[claim.user_id] = int(until)

    async def clear_session(self, user_id: str) -> bool:
        for message in [m for m in self._messages.values() if m.incoming.user_id == user_id]:
            del self._messages[message.id]
            if not message.state.finished:
                self._outcomes.tell(cleared(message.id))
        for text, count in self._askers.pop(user_id, Counter()).items():
            if (known := self._questions.pop(text, None)) and known.count > count:
                self._questions[text] = replace(known, count=known.count - count)
        self._available.pop(user_id, None)
        self._fences.pop(user_id, None)
        self._summarised.pop(user_id, None)
        return self._sessions.pop(user_id, None) is not None

    async def clear_sessions(self) -> int:
        return sum([await self.clear_session(user_id) for user_id in list(self._sessions)])

    async def sweep(self) -> Swept:
        now = self._clock.now()
        idle = [
            session
            for session in self._sessions.values()
            if not session.ended
            and session.last_activity < now - self._limits.session_idle
            and session.user_id not in self._available
        ]
        for session in idle:
            self._sessions[session.user_id] = replace(session, ended=True)
        old = [m for m in self._messages.values() if m.state.finished and m.updated_at < now - self._limits.retention]
        for message in old:
            del self._messages[message.id]
        talking = {message.incoming.user_id for message in self._messages.values()}
        silent = [
            session.user_id
            for session in self._sessions.values()
            if session.last_activity < now - self._limits.retention and session.user_id not in talking
        ]
        for user_id in silent:
            del self._sessions[user_id]
            self._askers.pop(user_id, None)
        for hour in [hour for hour in self._received if hour < now // 3600 - HOURS_KEPT]:
            del self._received[hour]
        return Swept(len(idle), len(old), len(silent))

    async def totals(self, active_since: float) -> Totals:
        sent = [m for m in self._messages.values() if m.state == State.SENT][-1000:]
        return Totals(
            total_sessions=len(self._sessions),
            active_sessions=sum(_active(session, active_since) for session in self._sessions.values()),
            messages_processed=self._sent,
            errors=self._failed,
            queue_depth=len(self._waiting()),
            oldest_waiting_since=min((message.waiting_since for message in self._waiting()), default=None),
            latencies=tuple(sorted(message.updated_at - message.waiting_since for message in sent)),
            answered_by=dict(self._answered_by),
            expired=self._expired,
        )

    # Figures

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        found = sorted(self._waiting(), key=lambda message: (message.waiting_since, int(message.id)))
        return [
            Waiting(m.id, m.incoming.user_id, m.state, m.waiting_since, m.attempts, self._holder(m))
            for m in found[:limit]
        ]

    async def recent_timelines(self, limit: int) -> Sequence[Sequence[Event]]:
        sent = [m for m in reversed(self._messages.values()) if m.state == State.SENT]
        return [message.timeline for message in sent[: min(limit, RECENT_REPLIES)] if message.timeline]

    async def received(self) -> Received:
        return Received(self._last_received, dict(self._received))

    # Presence

    async def report(self, worker: Worker) -> None:
        before = self._workers.get(worker.id)
        for name, more in growth(before.counts if before else {}, worker.counts).items():
            self._counted[name] = self._counted.get(name, 0.0) + more
        self._workers[worker.id] = worker

    async def leave(self, worker_id: str) -> None:
        self._workers.pop(worker_id, None)

    async def workers(self, seen_since: float) -> Sequence[Worker]:
        found = [replace(worker, counts={}) for worker in self._workers.values() if worker.seen_at >= seen_since]
        return sorted(found, key=lambda worker: (worker.started_at, worker.id))

    async def counted(self) -> Mapping[str, float]:
        return dict(self._counted)

    # Gaps

    async def note_question(self, text: str, answered: bool, confidence: float, user_id: str) -> None:
        if user_id not in self._sessions:
            return
        self._askers.setdefault(user_id, Counter())[text] += 1
        known = self._questions.pop(text, None)
        count = known.count + 1 if known else 1
        self._questions[text] = Asked(text, answered, confidence, count, self._clock.now())
        while len(self._questions) > QUESTIONS_KEPT:
            del self._questions[next(iter(self._questions))]

    async def questions(self, limit: int, answered: bool | None = None) -> Sequence[Asked]:
        found = [one for one in self._questions.values() if answered in (None, one.answered)]
        return sorted(found, key=lambda one: (-one.count, -one.last_at, one.text))[:limit]

    async def forget_questions(self, texts: Sequence[str] | None = None) -> int:
        asked_for = list(self._questions) if texts is None else dict.fromkeys(texts)
        there = [text for text in asked_for if text in self._questions]
        for text in there:
            del self._questions[text]
        return len(there)

    # What the above is made of

    def _put(self, message: Message) -> None:
        self._messages[message.id] = message

    def _waiting(self) -> list[Message]:
        return [message for message in self._messages.values() if not message.state.finished]

    def _holder(self, message: Message) -> str | None:
        """Of each session only the oldest waiting message can be claimed: the claim is its."""
        user_id = message.incoming.user_id
        first = next(m for m in self._waiting() if m.incoming.user_id == user_id)
        return self._holders.get(user_id) if first is message and user_id in self._fences else None

    def _must_have_room(self) -> None:
        if (waiting := len(self._waiting())) >= self._limits.inbox:
            raise InboxFull(f"{waiting} messages wait, as many as limits.inbox allows")
        now = self._clock.now()
        must_be_soon(waiting, now - min(self._available.values(), default=now), self._limits)

    def _spend(self, quotas: Sequence[Quota], now: float) -> None:
        self._spent = {key: (count, until) for key, (count, until) in self._spent.items() if until > now}
        for quota in quotas:
            count, until = self._spent.get(quota.key, (0, 0.0))
            if count >= quota.limit:
                raise TooMany(quota.name, quota.limit, quota.window, until - now)
        for quota in quotas:
            count, until = self._spent.get(quota.key, (0, now + quota.window))
            self._spent[quota.key] = count + 1, until

    def _same_message(self, incoming: Incoming) -> Message | None:
        if incoming.external_id is None:
            return None
        key = (incoming.user_id, incoming.external_id)
        known = (m for m in self._messages.values() if (m.incoming.user_id, m.incoming.external_id) == key)
        return next(known, None)

    def _try_again(self, message: Message, token: str | None = None) -> None:
        now, user_id = self._clock.now(), message.incoming.user_id
        state = State.ANSWERED if message.reply else State.ACCEPTED
        incoming = replace(message.incoming, token=token or message.incoming.token)
        again = replace(message, incoming=incoming, state=state, attempts=0, reason=None)
        self._put(replace(again, waiting_since=now, updated_at=now))
        self._sessions[user_id] = replace(self._sessions[user_id], last_activity=now)
        self._available.setdefault(user_id, now)
        self._arrivals.tell()

    def _touch_session(self, incoming: Incoming, now: float) -> None:
        old = self._sessions.get(incoming.user_id) or Session(
            incoming.user_id, incoming.session_id, created_at=now, last_activity=now, conversation_since=now
        )
        fresh = old.ended or old.last_activity < now - self._limits.session_idle
        self._sessions[incoming.user_id] = replace(
            old,
            session_id=incoming.session_id,
            last_activity=now,
            conversation_since=now if fresh else old.conversation_since,
            summary=None if fresh else old.summary,
            ended=False,
            messages_count=old.messages_count + 1,
            client_name=incoming.name or old.client_name,
            phone_number=incoming.phone or old.phone_number,
        )

    def _claim_session(self, user_id: str, worker: str, lease: float, now: float) -> Claim:
        message = next(m for m in self._waiting() if m.incoming.user_id == user_id)
        state = State.ANSWERED if message.reply else State.ANSWERING
        message = replace(message, state=state, attempts=message.attempts + 1, updated_at=now)
        self._put(message)
        self._last_fence += 1
        self._fences[user_id], self._available[user_id] = self._last_fence, now + lease
        self._holders[user_id] = worker
        session = self._sessions[user_id]
        return Claim(message, session, self._history(session, message), self._last_fence, now + lease)

    def _history(self, session: Session, before: Message) -> tuple[Exchange, ...]:
        said = [
            message
            for message in self._messages.values()
            if message.incoming.user_id == session.user_id
            and self._summarised.get(session.user_id, 0) < int(message.id) < int(before.id)
            and message.state in {State.SENT, State.FAILED}
            and message.accepted_at >= session.conversation_since
        ]
        found = (exchange_of(each.id, each.incoming.text, each.reply, each.state, each.updated_at) for each in said)
        exchanges = [exchange for exchange in found if exchange]
        return tuple(exchanges[-self._limits.history :]) if self._limits.history else ()

    def _holds(self, claim: Claim) -> bool:
        return self._fences.get(claim.user_id) == claim.fence

    def _must_hold(self, claim: Claim) -> None:
        if not self._holds(claim):
            raise LeaseLost(f"message {claim.message.id} belongs to another worker, or was cleared")


def _active(session: Session, since: float) -> bool:
    return session.last_activity >= since and not session.ended


def _dead(message: Message) -> bool:
    return message.state in {State.FAILED, State.EXPIRED}
