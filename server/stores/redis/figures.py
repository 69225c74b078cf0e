"""Figures: what waits, what came, and how it went."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from server.models import Event, Received, Totals, Waiting
from server.stores.base import RECENT_REPLIES
from server.stores.redis import rows
from server.stores.redis.connection import Answered
from server.stores.redis.keys import key, strings
from server.stores.replies import timeline_from_json


class Figures:
    """See `server.stores.base` for what the methods promise."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def totals(self, active_since: float) -> Totals:
        async with Answered(), self._redis.pipeline(transaction=False) as pipe:
            pipe.zcard(key("sessions"))
            pipe.zcount(key("active"), active_since, "+inf")
            pipe.hgetall(key("counters"))
            pipe.zcard(key("waiting"))
            pipe.zrange(key("waiting"), 0, 0, withscores=True)
            pipe.lrange(key("latencies"), 0, -1)
            pipe.hgetall(key("answered_by"))
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

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        async with Answered():
            ids = strings(await self._redis.zrange(key("waiting"), 0, limit - 1))
        names = ("id", "user_id", "state", "waiting_since", "attempts")
        async with Answered(), self._redis.pipeline(transaction=False) as pipe:
            for one in ids:
                pipe.hmget(key("message", one), names)
            found = [fields for fields in await pipe.execute() if fields[0]]
            for _, user, *_ in found:
                pipe.zrange(key("queue", user), 0, 0)
                pipe.hget(key("session", user), "worker")
            holders = await pipe.execute()
        firsts, workers = holders[::2], holders[1::2]
        return [
            rows.waiting(fields, worker if first == [fields[0]] else None)
            for fields, first, worker in zip(found, firsts, workers, strict=True)
        ]

    async def recent_timelines(self, limit: int) -> Sequence[Sequence[Event]]:
        async with Answered():
            ids = strings(await self._redis.lrange(key("replied"), 0, min(limit, RECENT_REPLIES) - 1))
            async with self._redis.pipeline(transaction=False) as pipe:
                for one in ids:
                    pipe.hget(key("message", one), "timeline")
                return [timeline_from_json(timeline) for timeline in await pipe.execute() if timeline]

    async def received(self) -> Received:
        async with Answered(), self._redis.pipeline(transaction=False) as pipe:
            pipe.hget(key("counters"), "last_received")
            pipe.hgetall(key("received"))
            last, by_hour = await pipe.execute()
        return Received(float(last) if last else None, {int(hour): int(count) for hour, count in by_hour.items()})
