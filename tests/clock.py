"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from server.clock import Alarm, Limit


class FakeClock:
    """`server.clock.Clock` for tests. What sleeps or has a time limit wakes when `advance` passes its hour."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._alarms: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self._now

    @property
    def sleepers(self) -> int:
        """How many wait for an hour of this clock."""
        return len(self._alarms)

    def advance(self, seconds: float) -> None:
        self._now += seconds
        due = [alarm for alarm in self._alarms if alarm[0] <= self._now]
        self._alarms = [alarm for alarm in self._alarms if alarm[0] > self._now]
        for _, ring in due:
            ring()

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ring() -> None:
            if not woken.done():
                woken.set_result(None)

        self._alarms.append((self._now + seconds, ring))
        await woken

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return self._timeout(seconds)

    def later(self, seconds: float, call: Callable[[], None]) -> Alarm:
        alarm = (self._now + seconds, call)
        self._alarms.append(alarm)

        class Cancellable:
            def cancel(_) -> None:
                if alarm in self._alarms:
                    self._alarms.remove(alarm)

        return Cancellable()

    def limit(self, seconds: float) -> AbstractAsyncContextManager[Limit]:
        return self._timeout(seconds)

    @asynccontextmanager
    async def _timeout(self, seconds: float) -> AsyncIterator[Limit]:
        over = False
        ends_at = self._now + seconds

        def ring() -> None:
            if over:
                return
            if ends_at > self._now:  # it was renewed since
                self._alarms.append((ends_at, ring))
            else:
                within.reschedule(asyncio.get_running_loop().time())

        class Renewed:
            def renew(_, seconds: float) -> None:
                nonlocal ends_at
                ends_at = self._now + seconds

        try:
            async with asyncio.timeout(None) as within:
                self._alarms.append((ends_at, ring))
                yield Renewed()
        finally:
            over = True
