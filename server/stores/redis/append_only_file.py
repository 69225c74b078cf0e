"""Redis' append-only file, which still holds the commands that brought what was cleared since."""

from __future__ import annotations

from redis.asyncio import Redis

from server.clock import Clock
from server.errors import StoreError
from server.stores.redis.connection import Answered

REWRITTEN_SECONDS = 86_400
"""How long what has grown old may stand in it; what is cleared leaves it at once."""


class AppendOnlyFile:
    """Has Redis write it anew."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis, self._clock = redis, clock
        self._traces_left = False
        self._rewritten_at = 0.0

    async def rewrite(self) -> None:
        """Where Redis is at that already, or does not let us, the next sweep tries again."""
        try:
            async with Answered():
                await self._redis.bgrewriteaof()
            self._traces_left, self._rewritten_at = False, self._clock.now()
        except StoreError:
            self._traces_left = True

    async def swept(self, *, aged: bool) -> None:
        """After a round of housekeeping. `aged`: it has removed what has grown old."""
        if self._traces_left or (aged and self._clock.now() - self._rewritten_at > REWRITTEN_SECONDS):
            await self.rewrite()
