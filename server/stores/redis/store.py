"""`Store` on Redis. The keys are described in `docs/redis.md`; changes of several at once stand in `inbox.lua`.

The inbox is a stream: one entry, a ticket, for each session that has something to do. A worker that reads a ticket
through the consumer group holds its session; the ticket of a dead worker is claimed by another when it has been idle
for the length of the lease. Idle times are the server's own, so clocks that differ do no harm to leases.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import cast
from uuid import uuid4

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from server.clock import Clock
from server.errors import InboxFull, StoreError, TooMany
from server.models import (
    Accepted,
    Asked,
    Claim,
    Event,
    FinishCode,
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
from server.stores.base import CROWD, HOURS_KEPT, QUESTIONS_KEPT, RECENT_REPLIES, StoreLimits
from server.stores.overload import must_be_soon
from server.stores.redis import rows
from server.stores.redis.connection import connect, redis_errors
from server.stores.redis.continuity import Continuity, risks
from server.stores.redis.questions import Questions
from server.stores.redis.script import Script, held
from server.stores.redis.tickets import Ticket, Tickets
from server.stores.replies import cleared, lines_of, outcome_of, reply_json, timeline_from_json, timeline_json
from server.stores.waiting import Outcomes

log = logging.getLogger(__name__)

PREFIX = "iteira"
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
REWRITTEN_SECONDS = 86_400
"""How long what has grown old may stand in the append-only file; what is cleared leaves it at once."""
LISTEN_SECONDS = 1.0
"""How often those who wait for outcomes look for themselves: a publication may be lost with a connection."""
RECONNECT_SECONDS = 0.3


class RedisStore:
    """See `server.stores.base` for what the methods promise."""

    def __init__(self, url: str, limits: StoreLimits, clock: Clock) -> None:
        """Raises `StoreError` for an address that is none."""
        self._redis = connect(url)
        self._limits, self._clock = limits, clock
        self._script = Script(self._redis, PREFIX)
        self._tickets = Tickets(self._redis, _key("inbox"), clock)
        self._outcomes = Outcomes(clock)
        self._questions = Questions(self._redis, _key("questions"))
        self._continuity = Continuity(clock)
        self._closing = self._traces_left = False
        self._rewritten_at = 0.0
        self._checking = asyncio.Lock()  # answers are compared in the order of the questions

    # Its life

    async def open(self) -> None:
        try:
            await self._look_whether_it_is_the_same()
        except StoreError as error:
            raise StoreError(f"{error}; start Redis there, or set store.url") from None
        with redis_errors():
            await self._tickets.open()
            for risk in await risks(self._redis):
                log.warning("%s", risk)
            self._channel = await self._subscribed()
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        self._closing = True
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        with suppress(RedisError, OSError):
            await self._channel.aclose()  # type: ignore[no-untyped-call]
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
        return Accepted(answer["id"], answer["duplicate"])

    async def claim(self, worker: str, lease: float, limit: int, wait: float = 0.0) -> Sequence[Claim]:
        with redis_errors():
            tickets = await self._tickets.take(worker, lease, limit, wait)
        redeemed = await asyncio.gather(*(self._redeem(worker, lease, ticket) for ticket in tickets))
        return [claim for claim in redeemed if claim]

    def wake(self) -> None:
        """A blocking read goes on to its end: to break it off might lose a ticket that is on its way."""

    async def renew(self, claims: Sequence[Claim], lease: float) -> Sequence[Claim]:
        answer = await self._script.run("renew", claims=[held(claim) for claim in claims])
        still = {int(fence) for fence in answer["held"]}
        expires_at = self._clock.now() + lease
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
        return next(iter(await self._messages([message_id])), None)

    # Dead letters

    async def dead(self, limit: int, since: float | None = None) -> Sequence[Message]:
        with redis_errors():
            ids = await self._redis.zrevrangebyscore(_key("dead"), "+inf", since or "-inf", 0, limit)
        return await self._messages(_strings(ids))

    async def retry(self, message_id: str) -> bool:
        answer = await self._script.run("retry", message=message_id, now=self._now(), retention=self._retention)
        return bool(answer["found"])

    async def drop(self, message_id: str) -> bool:
        found = bool((await self._script.run("drop", message=message_id))["found"])
        await self._rewrite_log()
        return found

    # Sessions

    async def session(self, user_id: str) -> Session | None:
        return next(iter(await self._sessions([user_id])), None)

    async def sessions(self, limit: int, active_since: float | None = None, offset: int = 0) -> Sequence[Session]:
        names, since = ("sessions", "-inf") if active_since is None else ("active", str(active_since))
        with redis_errors():
            users = await self._redis.zrevrangebyscore(_key(names), "+inf", since, offset, limit)
        return await self._sessions(_strings(users))

    async def transcript(self, user_id: str) -> Sequence[TranscriptLine]:
        with redis_errors():
            ids = await self._redis.lrange(_key("said", user_id), 0, -1)
        return [line for message in await self._messages(_strings(ids)) for line in lines_of(message)]

    async def known_by_phone(self, phone: str, user_id: str) -> Session | None:
        with redis_errors():
            users = _strings(await self._redis.zrevrange(_key("phone", phone), 0, 1))
        known = await self._sessions([user for user in users if user != user_id])
        return next((session for session in known if session.client_name), None)

    async def save_summary(self, claim: Claim, summary: str, until: str) -> None:
        since = repr(claim.session.conversation_since)
        await self._script.run("save_summary", user=claim.user_id, since=since, summary=summary, until=until)

    async def clear_session(self, user_id: str) -> bool:
        existed = bool((await self._script.run("clear", user=user_id))["existed"])
        await self._rewrite_log()
        return existed

    async def clear_sessions(self) -> int:
        with redis_errors():
            users = await self._redis.zrange(_key("sessions"), 0, -1)
        cleared = [await self._script.run("clear", user=user) for user in _strings(users)]
        await self._rewrite_log()
        return sum(bool(answer["existed"]) for answer in cleared)

    async def _rewrite_log(self) -> None:
        """Have Redis write its append-only file anew, which still holds the commands that brought what was cleared.

        Where it is at that already, or does not let us, the next sweep tries again.
        """
        try:
            await self._redis.bgrewriteaof()
            self._traces_left, self._rewritten_at = False, self._clock.now()
        except (RedisError, OSError):
            self._traces_left = True

    async def sweep(self) -> Swept:
        now = self._clock.now()
        answer = await self._script.run(
            "sweep",
            idle_since=repr(now - self._limits.session_idle),
            gone_since=repr(now - self._limits.retention),
            limit=SWEPT_AT_ONCE,
            hour=int(now // 3600) - HOURS_KEPT,
        )
        aged = bool(answer["messages"]) and now - self._rewritten_at > REWRITTEN_SECONDS
        if self._traces_left or aged:
            await self._rewrite_log()
        with redis_errors():
            await self._tickets.forget_dead_workers()
            reports = [rows.worker(text) for text in _strings(await self._redis.hvals(_key("workers")))]
            if gone := [worker.id for worker in reports if worker.seen_at < now - GONE_SECONDS]:
                await self._forget_workers(*gone)
        return Swept(answer["closed"], answer["messages"], answer["removed"])

    async def totals(self, active_since: float) -> Totals:
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.zcard(_key("sessions"))
                pipe.zcount(_key("active"), active_since, "+inf")
                pipe.hgetall(_key("counters"))
                pipe.zcard(_key("waiting"))
                pipe.zrange(_key("waiting"), 0, 0, withscores=True)
                pipe.lrange(_key("latencies"), 0, -1)
                pipe.hgetall(_key("answered_by"))
                total, active, counters, waiting, oldest, latencies, answered_by = await pipe.execute()
        return Totals(
            total_sessions=total,
            active_sessions=active,
            messages_processed=int(counters.get("sent", 0)),
            errors=int(counters.get("failed", 0)),
            queue_depth=waiting,
            oldest_waiting_since=oldest[0][1] if oldest else None,
            latencies=tuple(sorted(float(latency) for latency in latencies)),
            answered_by={name: int(replies) for name, replies in answered_by.items()},
            expired=int(counters.get("expired", 0)),
        )

    # Figures

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        with redis_errors():
            ids = _strings(await self._redis.zrange(_key("waiting"), 0, limit - 1))
        names = ("id", "user_id", "state", "waiting_since", "attempts")
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                for one in ids:
                    pipe.hmget(_key("message", one), names)
                found = [fields for fields in await pipe.execute() if fields[0]]
                for _, user, *_ in found:
                    pipe.zrange(_key("queue", user), 0, 0)
                    pipe.hget(_key("session", user), "worker")
                holders = await pipe.execute()
        firsts, workers = holders[::2], holders[1::2]
        return [
            rows.waiting(fields, worker if first == [fields[0]] else None)
            for fields, first, worker in zip(found, firsts, workers, strict=True)
        ]

    async def recent_timelines(self, limit: int) -> Sequence[Sequence[Event]]:
        with redis_errors():
            ids = _strings(await self._redis.lrange(_key("replied"), 0, min(limit, RECENT_REPLIES) - 1))
            async with self._redis.pipeline(transaction=False) as pipe:
                for one in ids:
                    pipe.hget(_key("message", one), "timeline")
                return [timeline_from_json(timeline) for timeline in await pipe.execute() if timeline]

    async def received(self) -> Received:
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hget(_key("counters"), "last_received")
                pipe.hgetall(_key("received"))
                last, by_hour = await pipe.execute()
        return Received(float(last) if last else None, {int(hour): int(count) for hour, count in by_hour.items()})

    # Presence

    async def report(self, worker: Worker) -> None:
        await self._look_whether_it_is_the_same()
        report = json.dumps(asdict(replace(worker, counts={})))
        await self._script.run("report", worker=worker.id, report=report, counts=json.dumps(dict(worker.counts)))

    async def leave(self, worker_id: str) -> None:
        await self._forget_workers(worker_id)

    async def workers(self, seen_since: float) -> Sequence[Worker]:
        with redis_errors():
            known = await self._redis.hvals(_key("workers"))
        workers = [rows.worker(text) for text in _strings(known)]
        return sorted((w for w in workers if w.seen_at >= seen_since), key=lambda w: (w.started_at, w.id))

    async def counted(self) -> Mapping[str, float]:
        with redis_errors():
            found = await self._redis.hgetall(_key("counted"))
        return {str(name): float(value) for name, value in found.items()}

    async def _forget_workers(self, *worker_ids: str) -> None:
        with redis_errors():
            await self._redis.hdel(_key("workers"), *worker_ids)
            await self._redis.hdel(_key("worker_counts"), *worker_ids)

    # Gaps

    async def note_question(self, text: str, answered: bool, confidence: float, user_id: str) -> None:
        last = json.dumps([answered, confidence, self._clock.now()])
        await self._script.run(
            "note_question",
            user=user_id,
            text=text,
            last=last,
            now=self._now(),
            kept=QUESTIONS_KEPT,
            retention=self._retention,
        )

    async def questions(self, limit: int, answered: bool | None = None) -> Sequence[Asked]:
        return await self._questions.all(limit, answered)

    async def forget_questions(self, texts: Sequence[str] | None = None) -> int:
        forgotten = await self._questions.forget(texts)
        await self._rewrite_log()
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

    async def _redeem(self, worker: str, lease: float, ticket: Ticket) -> Claim | None:
        answer = await self._script.run(
            "redeem",
            user=ticket.user_id,
            ticket=ticket.id,
            worker=worker,
            now=self._now(),
            history=self._limits.history,
        )
        return rows.claim(answer, self._clock.now() + lease) if answer else None

    async def _messages(self, ids: Sequence[str]) -> list[Message]:
        return [rows.message(fields) for fields in await self._hashes([_key("message", one) for one in ids])]

    async def _sessions(self, users: Sequence[str]) -> list[Session]:
        return [rows.session(fields) for fields in await self._hashes([_key("session", user) for user in users])]

    async def _hashes(self, names: Sequence[str]) -> list[dict[str, str]]:
        """Those that exist, in order."""
        if not names:
            return []
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.hgetall(name)
                return [fields for fields in await pipe.execute() if fields]

    async def _listen(self) -> None:
        """Tell outcomes to those who wait for them here, for as long as the store is open."""
        while not self._closing:  # asked each time: redis-py may swallow a cancellation while it connects
            try:
                told = await self._channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
                if told:
                    self._outcomes.tell(_published(told["data"]))
                else:
                    await self._look_for_outcomes()
            except (RedisError, OSError, StoreError):
                await self._subscribe_again()

    async def _subscribe_again(self) -> None:
        """Until it has succeeded: a channel that was closed can be read from no more."""
        while not self._closing:
            await asyncio.sleep(RECONNECT_SECONDS)
            with suppress(RedisError, OSError):
                await self._channel.aclose()  # type: ignore[no-untyped-call]
            with suppress(RedisError, OSError):
                self._channel = await self._subscribed()
                return

    async def _subscribed(self) -> PubSub:
        channel = self._redis.pubsub()
        await channel.subscribe(_key("outcomes"))
        return channel

    async def _look_for_outcomes(self) -> None:
        expected = self._outcomes.expected
        found = {message.id: message for message in await self._messages(expected)}
        for message_id in expected:
            message = found.get(message_id)
            if message is None:
                self._outcomes.tell(cleared(message_id))
            elif message.state.finished:
                self._outcomes.tell(outcome_of(message))


def _key(*parts: str) -> str:
    return ":".join((PREFIX, *parts))


def _strings(answer: object) -> list[str]:
    """A list of names: redis-py's types leave open what `decode_responses` has decided."""
    return cast("list[str]", answer)


def _published(text: str) -> Outcome:
    told = json.loads(text)
    finish = told.get("finish")
    return Outcome(told["id"], State(told["state"]), FinishCode(finish) if finish else None, told.get("reason"))
