"""Those who wait within one process: for a message to be finished, and for one to work on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from server.clock import Clock
from server.models import Outcome

T = TypeVar("T")
KEPT = 5000
"""Outcomes that are kept until somebody asks, the latest ones; those before them are looked for in the store."""


class Outcomes:
    """Hands an outcome to everyone who waits for it. Used by one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, set[asyncio.Future[Outcome | None]]] = {}
        self._fresh: dict[str, Outcome | None] = {}
        self._early: dict[str, Outcome] = {}
        """Of messages that nobody here knows yet: another process may be done with one before we hear it was stored."""

    def began(self, message_id: str) -> None:
        """This process has just stored the message: whatever becomes of it will be told, and need not be looked for."""
        _keep(self._fresh, message_id, self._early.pop(message_id, None))

    def forget(self) -> None:
        """What is told from now on is of other messages, though their ids may be the same: the store begins anew."""
        self._early.clear()
        self._fresh.clear()

    @property
    def expected(self) -> list[str]:
        """Ids of the messages somebody waits for."""
        return list(self._waiting)

    def tell(self, outcome: Outcome) -> None:
        if outcome.message_id in self._fresh:
            self._fresh[outcome.message_id] = outcome
        elif outcome.message_id not in self._waiting:
            _keep(self._early, outcome.message_id, outcome)
        for future in self._waiting.get(outcome.message_id, ()):
            if not future.done():
                future.set_result(outcome)

    async def wait(
        self, message_id: str, timeout: float, look: Callable[[], Awaitable[Outcome | None]]
    ) -> Outcome | None:
        """The outcome told within `timeout` seconds, else None. `look` finds one that was there before the message
        began here."""
        with self._expecting(message_id) as future:
            is_fresh = message_id in self._fresh
            if found := self._fresh.pop(message_id, None) if is_fresh else await look():
                return found
            alarm = self._clock.later(timeout, partial(_give_up, future))
            try:
                return await future
            finally:
                alarm.cancel()

    @contextmanager
    def _expecting(self, message_id: str) -> Iterator[asyncio.Future[Outcome | None]]:
        future: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(message_id, set()).add(future)
        try:
            yield future
        finally:
            self._waiting[message_id].discard(future)
            if not self._waiting[message_id]:
                del self._waiting[message_id]


def _keep(kept: dict[str, T], message_id: str, outcome: T) -> None:
    if len(kept) >= KEPT:
        del kept[next(iter(kept))]
    kept[message_id] = outcome


def _give_up(future: asyncio.Future[Outcome | None]) -> None:
    if not future.done():
        future.set_result(None)


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
