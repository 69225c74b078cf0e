"""«Typing», shown to the caller's side while a reply is being composed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from server.clock import Clock
from server.talkme.client import TalkMe

log = logging.getLogger(__name__)


MOST_AT_ONCE = 50
"""Typing calls under way; more are not made."""


class Typing:
    """Works beside the turn: it neither delays it nor fails it. `ttl`: seconds that one call is shown."""

    def __init__(self, talkme: TalkMe, clock: Clock, ttl: float) -> None:
        self._talkme, self._clock = talkme, clock
        self._renew_after = ttl * 0.8
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def shown(self, token: str) -> AsyncIterator[None]:
        """Typing is shown, and renewed before it ends, until the block is left."""
        composed = asyncio.Event()
        if len(self._tasks) >= MOST_AT_ONCE:  # TalkMe is slow: its connections are needed for replies
            yield
            return
        task = asyncio.create_task(self._show(token, composed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            yield
        finally:
            composed.set()  # a call under way may end by itself: breaking it off would cost the connection

    async def _show(self, token: str, composed: asyncio.Event) -> None:
        while not composed.is_set():
            try:
                await self._talkme.typing(token)
            except Exception as error:  # it is a courtesy: nothing that goes wrong with it may matter
                log.debug("typing is not shown: %s", type(error).__name__)
            with suppress(TimeoutError):
                async with self._clock.timeout(self._renew_after):
                    await composed.wait()
