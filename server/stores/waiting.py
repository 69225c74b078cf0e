"""Those who wait within one process: for a message to be finished, and for one to work on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from server.clock import Clock
from server.models import Outcome


class Outcomes:
    """Hands an outcome to everyone who waits for it. Used by one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, set[asyncio.Future[Outcome]]] = {}

    @property
    def expected(self) -> list[str]:
        """Ids of the messages somebody waits for."""
        return list(self._waiting)

    def tell(self, outcome: Outcome) -> None:
        for future in self._waiting.get(outcome.message_id, ()):
            if not future.done():
                future.set_result(outcome)

    async def wait(
        self, message_id: str, timeout: float, look: Callable[[], Awaitable[Outcome | None]]
    ) -> Outcome | None:
        """The outcome told within `timeout` seconds, else None. `look` finds one that was there before."""
        with self._expecting(message_id) as future:
            if found := await look():
                return found
            try:
                async with self._clock.timeout(timeout):
                    return await future
            except TimeoutError:
                return None

    @contextmanager
    def _expecting(self, message_id: str) -> Iterator[asyncio.Future[Outcome]]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(message_id, set()).add(future)
        try:
            yield future
        finally:
            self._waiting[message_id].discard(future)
            if not self._waiting[message_id]:
                del self._waiting[message_id]


class Arrivals:
    """Wakes who waits for work. What is told while nobody waits is remembered for the next one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrived = asyncio.Event()

    def tell(self) -> None:
        self._arrived.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next arrival, at the latest after `seconds`."""
        if seconds <= 0:
            return
        with suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await self._arrived.wait()
        self._arrived.clear()
