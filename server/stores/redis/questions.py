"""What callers asked, on keys of its own: how often, what became of it, and when last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from server.models import Asked
from server.stores.redis.connection import Answered


class Questions:
    """Noted by `inbox.lua`. `prefix` begins the names of its four keys, which are described in `docs/redis.md`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._counts, self._last, self._order = f"{prefix}:count", f"{prefix}:last", f"{prefix}:order"
        self._born = f"{prefix}:born"

    async def all(self, limit: int, answered: bool | None) -> list[Asked]:
        async with Answered(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._counts)
            pipe.hgetall(self._last)
            counts, last = await pipe.execute()
        found = [_asked(text, counts[text], told) for text, told in last.items()]
        wanted = [one for one in found if answered in (None, one.answered)]
        return sorted(wanted, key=lambda one: (-one.count, -one.last_at, one.text))[:limit]

    async def forget(self, texts: Sequence[str] | None) -> int:
        async with Answered(), self._redis.pipeline(transaction=True) as pipe:
            if texts is None:
                pipe.zcard(self._order)
                pipe.delete(self._counts, self._last, self._order, self._born)
            elif texts:
                pipe.zrem(self._order, *texts)
                pipe.hdel(self._counts, *texts)
                pipe.hdel(self._last, *texts)
                pipe.hdel(self._born, *texts)
            else:
                return 0
            return int((await pipe.execute())[0])


def _asked(text: str, count: str, told: str) -> Asked:
    last: list[Any] = json.loads(told)
    answered, confidence, last_at = last
    return Asked(text, answered, confidence, int(count), last_at)
