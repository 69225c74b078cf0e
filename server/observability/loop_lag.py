"""How late the event loop is: what one thing does too long, all callers of the process wait for."""

from __future__ import annotations

import asyncio

from server.ending import ended

LOOK_SECONDS = 0.2


class LoopLag:
    """Measures between `start` and `stop`, by waking up again and again and looking how late it is."""

    def __init__(self) -> None:
        self._worst = 0.0

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        await ended(self._task)

    def worst(self) -> float:
        """Seconds that it was late at the worst since this was asked before."""
        worst, self._worst = self._worst, 0.0
        return round(worst, 4)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()  # its time, not the clock's: a clock that stands still lags nobody
        while True:
            began = loop.time()
            await asyncio.sleep(LOOK_SECONDS)
            self._worst = max(self._worst, loop.time() - began - LOOK_SECONDS)
