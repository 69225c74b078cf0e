"""Time as the daemon knows it. Passed in everywhere, so that a test can own it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol


class Alarm(Protocol):
    """Something that is to happen later."""

    def cancel(self) -> None:
        """It happens no more; nothing where it has happened already."""


class Limit(Protocol):
    """A time limit that holds for the block one is in."""

    def renew(self, seconds: float) -> None:
        """Let it end so many seconds from now."""


class Clock(Protocol):
    """Wall time in Unix seconds, waiting, and time limits, all in the same time."""

    def now(self) -> float:
        """Unix seconds. Comparable between processes and machines."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raise `TimeoutError` out of the block when it takes longer than `seconds` of this clock."""

    def later(self, seconds: float, call: Callable[[], None]) -> Alarm:
        """Call it after `seconds` of this clock, on the event loop. Costs far less than a task that sleeps."""

    def limit(self, seconds: float) -> AbstractAsyncContextManager[Limit]:
        """As `timeout`, for a block that renews its limit while it runs."""


class SystemClock:
    """The real one."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)

    def later(self, seconds: float, call: Callable[[], None]) -> Alarm:
        return asyncio.get_running_loop().call_later(seconds, call)

    def limit(self, seconds: float) -> AbstractAsyncContextManager[Limit]:
        return _Limit(seconds)


class _Limit:
    def __init__(self, seconds: float) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._now = asyncio.get_running_loop().time

    def renew(self, seconds: float) -> None:
        self._timeout.reschedule(self._now() + seconds)

    async def __aenter__(self) -> Limit:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._timeout.__aexit__(kind, error, trace)
