"""The workers as they report themselves, in Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from redis.asyncio import Redis

from server.models import Worker
from server.stores.redis import rows
from server.stores.redis.connection import Answered
from server.stores.redis.keys import key, strings
from server.stores.redis.script import Script


class Workers:
    """See `server.stores.base` for what the methods promise."""

    def __init__(self, redis: Redis, script: Script) -> None:
        self._redis, self._script = redis, script

    async def report(self, worker: Worker) -> None:
        report = json.dumps(asdict(replace(worker, counts={})))
        await self._script.run("report", worker=worker.id, report=report, counts=json.dumps(dict(worker.counts)))

    async def leave(self, *worker_ids: str) -> None:
        async with Answered():
            await self._redis.hdel(key("workers"), *worker_ids)
            await self._redis.hdel(key("worker_counts"), *worker_ids)

    async def seen(self, since: float) -> Sequence[Worker]:
        async with Answered():
            known = await self._redis.hvals(key("workers"))
        workers = [rows.worker(text) for text in strings(known)]
        return sorted((w for w in workers if w.seen_at >= since), key=lambda w: (w.started_at, w.id))

    async def forget(self, before: float) -> None:
        """Those that were killed, and so could not say goodbye."""
        if gone := [worker.id for worker in await self.seen(0) if worker.seen_at < before]:
            await self.leave(*gone)

    async def counted(self) -> Mapping[str, float]:
        async with Answered():
            found = await self._redis.hgetall(key("counted"))
        return {str(name): float(value) for name, value in found.items()}
