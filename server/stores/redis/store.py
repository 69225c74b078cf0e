"""`Store` on Redis. The keys are described in `docs/redis.md`; changes of several at once stand in `inbox.lua`.

The inbox is a stream: one entry, a ticket, for each session that has something to do. A worker that reads a ticket
through the consumer group holds its session; the ticket of a dead worker is claimed by another when it has been idle
for the length of the lease. Idle times are the server's own, so clocks that differ do no harm to leases. They begin
after we have asked: our leases count from before that, since a process may be stopped until the answer is old.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from uuid import uuid4

from server.clock import Clock
from server.errors import InboxFull, StoreError, TooMany
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
from server.stores.base import CROWD, HOURS_KEPT, QUESTIONS_KEPT, RECENT_REPLIES, StoreLimits
from server.stores.overload import must_be_soon
from server.stores.redis import rows
from server.stores.redis.append_only_file import AppendOnlyFile
from server.stores.redis.connection import Answered, connect
from server.stores.redis.continuity import Continuity, risks
from server.stores.redis.conversations import Conversations
from server.stores.redis.figures import Figures
from server.stores.redis.keys import PREFIX, key, strings
from server.stores.redis.listener import Listener
from server.stores.redis.questions import Questions
from server.stores.redis.script import Script, held
from server.stores.redis.tickets import Ticket, Tickets, claimed
from server.stores.redis.workers import Workers
from server.stores.replies import cleared, outcome_of, reply_json, timeline_json
from server.stores.waiting import Outcomes

log = logging.getLogger(__name__)

DEDUPE_SECONDS = 7 * 86_400
"""How long the id of a message is remembered; TalkMe repeats a delivery within minutes."""
REPEATED_SECONDS = 60
"""How long a delivery without an id is remembered: as long as a command of ours may be repeated, and much longer."""
SWEPT_AT_ONCE = 200
"""Sessions that one round of housekeeping looks at: a script must not hold up other commands."""
FOREVER = 1e9
"""Seconds that stand for no limit where infinity cannot be written."""
GONE_SECONDS = 86_400
"""A worker that was killed, and so could not say goodbye, is forgotten after this time."""


class RedisStore:
    """See `server.stores.base` for what the methods promise."""

    def __init__(self, url: str, limits: StoreLimits, clock: Clock) -> None:
        """Raises `StoreError` for an address that is none."""
        self._redis = connect(url)
        self._limits, self._clock = limits, clock
        self._script = Script(self._redis, PREFIX)
        self._tickets = Tickets(self._redis, key("inbox"), clock)
        self._outcomes = Outcomes(clock)
        self._questions = Questions(self._redis, key("questions"))
        self._continuity = Continuity(clock, self._outcomes)
        self._figures = Figures(self._redis)
        self._read = Conversations(self._redis)
        self._workers = Workers(self._redis, self._script)
        self._listener = Listener(self._redis, key("outcomes"), self._outcomes, self._look_for_outcomes)
        self._log = AppendOnlyFile(self._redis, clock)
        self._checking = asyncio.Lock()  # answers are compared in the order of the questions

    # Its life

    async def open(self) -> None:
        try:
            await self._look_whether_it_is_the_same()
        except StoreError as error:
            raise StoreError(f"{error}; start Redis there, or set store.url") from None
        async with Answered():
            await self._tickets.open()
            for risk in await risks(self._redis):
                log.warning("%s", risk)
            await self._listener.open()

    async def close(self) -> None:
        await self._listener.close()
        await self._redis.aclose()

    async def examine(self) -> None:
        """Redis reads all of it when it starts, and does not start where it is damaged."""

    async def check(self) -> str | None:
        waiting, waited = await self._look_whether_it_is_the_same()
        if waiting >= self._limits.inbox:
            raise InboxFull(f"{waiting} messages wait, as many as limits.inbox allows")
        must_be_soon(waiting, waited, self._limits)
        return self._continuity.loss

    # Inbox

    async def accept(self, incoming: Incoming, quotas: Sequence[Quota] = ()) -> Accepted:
        answer = await self._script.run(
            "accept",
            user=incoming.user_id,
            session=incoming.session_id,
            external=incoming.external_id,
            token=incoming.token,
            name=incoming.name,
            phone=incoming.phone,
            fields=[part for pair in asdict(incoming).items() if pair[1] is not None for part in pair],
            delivery=uuid4().hex,
            limit=self._limits.inbox,
            per_session=self._limits.per_session,
            crowd=CROWD,
            wait=1000 * min(self._limits.wait, FOREVER),
            quotas=[(quota.key, quota.limit, int(1000 * quota.window)) for quota in quotas],
            now=self._now(),
            idle_since=repr(self._clock.now() - self._limits.session_idle),
            retention=self._retention,
            dedupe=REPEATED_SECONDS if incoming.external_id is None else DEDUPE_SECONDS,
        )
        if "full" in answer:
            raise InboxFull(f"{answer['full']} messages wait, as many as {answer['setting']} allows")
        if "waited" in answer:
            must_be_soon(answer["waiting"], answer["waited"] / 1000, self._limits)
        if "spent" in answer:
            quota = quotas[answer["spent"] - 1]
            raise TooMany(quota.name, quota.limit, quota.window, answer["left"] / 1000)
        accepted = Accepted(answer["id"], answer["duplicate"])
        if not accepted.duplicate:
            self._outcomes.began(accepted.message_id)
        return accepted

    async def claim(self, worker: str, lease: float, limit: int, wait: float = 0.0) -> Sequence[Claim]:
        expires_at = self._clock.now() + lease
        async with Answered():
            tickets = await self._tickets.take(worker, lease, limit, wait)
        redeeming = (self._redeem(worker, ticket, expires_at) for ticket in tickets)
        return claimed(tickets, await asyncio.gather(*redeeming, return_exceptions=True))

    def wake(self) -> None:
        """A blocking read goes on to its end: to break it off might lose a ticket that is on its way."""

    async def renew(self, claims: Sequence[Claim], lease: float) -> Sequence[Claim]:
        expires_at = self._clock.now() + lease
        answer = await self._script.run("renew", claims=[held(claim) for claim in claims])
        still = {int(fence) for fence in answer["held"]}
        return [replace(claim, expires_at=expires_at) for claim in claims if claim.fence in still]

    async def release(self, claims: Sequence[Claim]) -> None:
        await self._script.run("release", claims=[held(claim) for claim in claims])

    async def save_reply(self, claim: Claim, reply: Reply, timeline: Sequence[Event] = ()) -> None:
        happened = timeline_json(timeline)
        await self._script.run("save_reply", **held(claim), reply=reply_json(reply), timeline=happened, now=self._now())

    async def finish(
        self, claim: Claim, state: State, reason: str | None = None, timeline: Sequence[Event] = ()
    ) -> None:
        await self._script.run(
            "finish",
            **held(claim),
            state=state,
            reason=reason,
            timeline=timeline_json(timeline),
            now=self._now(),
            retention=self._retention,
            recent=RECENT_REPLIES,
        )

    async def outcome(self, message_id: str, timeout: float) -> Outcome | None:
        async def look() -> Outcome | None:
            message = await self.message(message_id)
            if message is None:
                return cleared(message_id)
            return outcome_of(message) if message.state.finished else None

        return await self._outcomes.wait(message_id, timeout, look)

    async def message(self, message_id: str) -> Message | None:
        return next(iter(await self._read.messages([message_id])), None)

    # Dead letters

    async def dead(self, limit: int, since: float | None = None, *, oldest_first: bool = False) -> Sequence[Message]:
        return await self._read.dead(limit, since, oldest_first=oldest_first)

    async def retry(self, message_id: str) -> bool:
        answer = await self._script.run("retry", message=message_id, now=self._now(), retention=self._retention)
        return bool(answer["found"])

    async def drop(self, message_id: str) -> bool:
        found = bool((await self._script.run("drop", message=message_id))["found"])
        await self._log.rewrite()
        return found

    # Sessions

    async def session(self, user_id: str) -> Session | None:
        return next(iter(await self._read.sessions_of([user_id])), None)

    async def sessions(self, limit: int, active_since: float | None = None, offset: int = 0) -> Sequence[Session]:
        return await self._read.sessions(limit, active_since, offset)

    async def transcript(self, user_id: str) -> Sequence[TranscriptLine]:
        return await self._read.transcript(user_id)

    async def known_by_phone(self, phone: str, user_id: str) -> Session | None:
        return await self._read.known_by_phone(phone, user_id)

    async def save_summary(self, claim: Claim, summary: str, until: str) -> None:
        since = repr(claim.session.conversation_since)
        await self._script.run("save_summary", user=claim.user_id, since=since, summary=summary, until=until)

    async def clear_session(self, user_id: str) -> bool:
        existed = bool((await self._script.run("clear", user=user_id))["existed"])
        await self._log.rewrite()
        return existed

    async def clear_sessions(self) -> int:
        async with Answered():
            users = await self._redis.zrange(key("sessions"), 0, -1)
        cleared = [await self._script.run("clear", user=user) for user in strings(users)]
        await self._log.rewrite()
        return sum(bool(answer["existed"]) for answer in cleared)

    async def sweep(self) -> Swept:
        now = self._clock.now()
        answer = await self._script.run(
            "sweep",
            idle_since=repr(now - self._limits.session_idle),
            gone_since=repr(now - self._limits.retention),
            limit=SWEPT_AT_ONCE,
            hour=int(now // 3600) - HOURS_KEPT,
        )
        await self._log.swept(aged=bool(answer["messages"]))
        async with Answered():
            await self._tickets.forget_dead_workers()
        await self._workers.forget(now - GONE_SECONDS)
        return Swept(answer["closed"], answer["messages"], answer["removed"])

    async def totals(self, active_since: float) -> Totals:
        return await self._figures.totals(active_since)

    # Figures

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        return await self._figures.waiting(limit)

    async def recent_timelines(self, limit: int) -> Sequence[Sequence[Event]]:
        return await self._figures.recent_timelines(limit)

    async def received(self) -> Received:
        return await self._figures.received()

    # Presence

    async def report(self, worker: Worker) -> None:
        await self._look_whether_it_is_the_same()
        await self._workers.report(worker)

    async def leave(self, worker_id: str) -> None:
        await self._workers.leave(worker_id)

    async def workers(self, seen_since: float) -> Sequence[Worker]:
        return await self._workers.seen(seen_since)

    async def counted(self) -> Mapping[str, float]:
        return await self._workers.counted()

    # Gaps

    async def note_questions(self, asked: Sequence[Question]) -> None:
        now = self._clock.now()
        await self._script.run(
            "note_questions",
            questions=[
                {"user": each.user_id, "text": each.text, "last": json.dumps([each.answered, each.confidence, now])}
                for each in asked
            ],
            now=self._now(),
            kept=QUESTIONS_KEPT,
            retention=self._retention,
        )

    async def questions(self, limit: int, answered: bool | None = None) -> Sequence[Asked]:
        return await self._questions.all(limit, answered)

    async def forget_questions(self, texts: Sequence[str] | None = None) -> int:
        forgotten = await self._questions.forget(texts)
        await self._log.rewrite()
        return forgotten

    # What the above is made of

    async def _look_whether_it_is_the_same(self) -> tuple[int, float]:
        """Tell whether Redis has lost something since the last look; how many messages wait, and for how many seconds
        the oldest that nobody has begun with."""
        async with self._checking:
            answer = await self._script.run("check", epoch=uuid4().hex)
            self._continuity.seen(answer)
        return int(answer["waiting"]), answer["waited"] / 1000

    def _now(self) -> str:
        return repr(self._clock.now())

    @property
    def _retention(self) -> int:
        return max(1, int(self._limits.retention))

    async def _redeem(self, worker: str, ticket: Ticket, expires_at: float) -> Claim | None:
        answer = await self._script.run(
            "redeem",
            user=ticket.user_id,
            ticket=ticket.id,
            worker=worker,
            now=self._now(),
            history=self._limits.history,
        )
        return rows.claim(answer, expires_at) if answer else None

    async def _look_for_outcomes(self) -> None:
        expected = self._outcomes.expected
        found = {message.id: message for message in await self._read.messages(expected)}
        for message_id in expected:
            message = found.get(message_id)
            if message is None:
                self._outcomes.tell(cleared(message_id))
            elif message.state.finished:
                self._outcomes.tell(outcome_of(message))
