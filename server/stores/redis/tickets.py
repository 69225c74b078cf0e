"""Tickets: entries of the inbox stream, each the right to work on one session, read through a consumer group."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from server.clock import Clock
from server.models import Claim

log = logging.getLogger(__name__)

GROUP = "workers"
ORPHANS_SECONDS = 0.1
"""How often a worker looks for tickets of dead workers."""
GONE_MILLISECONDS = 3_600_000
"""A consumer that holds nothing and has not been heard of for so long is forgotten."""


@dataclass(frozen=True, slots=True)
class Ticket:
    id: str
    user_id: str


class Tickets:
    """The stream of one store. Methods raise redis-py's errors."""

    def __init__(self, redis: Redis, stream: str, clock: Clock) -> None:
        self._redis, self._stream, self._clock = redis, stream, clock
        self._cursor = "0-0"
        self._looked = 0.0

    async def open(self) -> None:
        """Make the stream and its group where they do not exist."""
        try:
            await self._redis.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def take(self, worker: str, lease: float, limit: int, wait: float) -> list[Ticket]:
        """Up to `limit` tickets: those idle for `lease` seconds, else new ones, waited for up to `wait` seconds."""
        try:
            return await self._orphans(worker, lease, limit) or await self._arrivals(worker, limit, wait)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            log.error("Redis has lost the inbox (%s)", error)
            await self.open()
            return []

    async def forget_dead_workers(self) -> None:
        """Remove consumers that hold nothing any more, so that their number stays bounded."""
        for consumer in await self._redis.xinfo_consumers(self._stream, GROUP):
            if consumer["pending"] == 0 and consumer["idle"] > GONE_MILLISECONDS:
                await self._redis.xgroup_delconsumer(self._stream, GROUP, consumer["name"])

    async def _orphans(self, worker: str, lease: float, limit: int) -> list[Ticket]:
        now = self._clock.now()
        if abs(now - self._looked) < ORPHANS_SECONDS:  # the clock may be put back
            return []
        self._looked = now
        answer: Any = await self._redis.xautoclaim(
            self._stream, GROUP, worker, min_idle_time=int(lease * 1000), start_id=self._cursor, count=limit
        )
        self._cursor = answer[0]
        return _tickets(answer[1])

    async def _arrivals(self, worker: str, limit: int, wait: float) -> list[Ticket]:
        block = int(wait * 1000) or None
        answer: Any = await self._redis.xreadgroup(GROUP, worker, {self._stream: ">"}, count=limit, block=block)
        return [ticket for _, entries in answer or [] for ticket in _tickets(entries)]


def _tickets(entries: list[Any]) -> list[Ticket]:
    """Entries that were deleted while they were pending have no fields any more."""
    return [Ticket(entry, fields["user"]) for entry, fields in entries if fields]


def claimed(tickets: Sequence[Ticket], redeemed: Sequence[Claim | BaseException | None]) -> list[Claim]:
    """What has become a claim. Why a ticket has not is raised only where none has: else the claims beside it would be
    nobody's until their leases end."""
    claims = [each for each in redeemed if isinstance(each, Claim)]
    for ticket, error in zip(tickets, redeemed, strict=True):
        if isinstance(error, BaseException):
            if not claims:
                raise error
            log.error("session %s waits until its lease ends: %s", ticket.user_id, error)
    return claims
