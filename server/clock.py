"""Time as the daemon knows it. Passed in everywhere, so that a test can own it."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Clock(Protocol):
    """Wall time in Unix seconds, waiting, and time limits, all in the same time."""

    def now(self) -> float:
        """Unix seconds. Comparable between processes and machines."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raise `TimeoutError` out of the block when it takes longer than `seconds` of this clock."""


class SystemClock:
    """The real one."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)
