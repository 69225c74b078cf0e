"""Whether Redis still has what it had, and whether it will."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from server.clock import Clock
from server.stores.waiting import Outcomes

log = logging.getLogger(__name__)

SHOWN_SECONDS = 3600.0
"""How long a loss is told to the operator."""


class Continuity:
    """Compares what the script's `check` answers with what it answered before.

    A Redis that was restarted without its data, or replaced by an empty replica, has another epoch; one that was
    restored from an older snapshot, or replaced by a replica that lags, counts again what it had counted.
    """

    def __init__(self, clock: Clock, outcomes: Outcomes) -> None:
        """`outcomes` that were told of before a loss are forgotten: Redis gives their ids again."""
        self._clock, self._outcomes = clock, outcomes
        self._epoch, self._checks = "", 0
        self._loss: tuple[float, str] | None = None

    def seen(self, answer: Mapping[str, Any]) -> None:
        """Take in one answer, in the order of the questions."""
        if self._epoch and answer["epoch"] != self._epoch:
            self._lost("Redis has lost its data: what was accepted there and not answered yet is gone")
        elif answer["checks"] <= self._checks:
            self._lost("Redis has gone back to an earlier state: what was accepted since then is gone")
        self._epoch, self._checks = answer["epoch"], answer["checks"]

    @property
    def loss(self) -> str | None:
        """The latest loss, for an hour."""
        if self._loss is None or self._clock.now() - self._loss[0] > SHOWN_SECONDS:
            return None
        return self._loss[1]

    def _lost(self, what: str) -> None:
        log.error("%s", what)
        self._loss = (self._clock.now(), what)
        self._outcomes.forget()


async def risks(redis: Redis) -> list[str]:
    """What of this Redis's own settings can lose accepted messages. Raises redis-py's errors."""
    persistence: Any = await redis.info("persistence")
    memory: Any = await redis.info("memory")
    found = []
    if not persistence.get("aof_enabled"):
        found.append("Redis keeps no append-only file: a restart of it may lose accepted messages; set appendonly yes")
    if memory.get("maxmemory") and memory.get("maxmemory_policy") != "noeviction":
        found.append("Redis may evict accepted messages when its memory is full; set maxmemory-policy noeviction")
    return found
