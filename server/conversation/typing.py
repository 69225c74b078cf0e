"""«Typing», shown to the caller's side while a reply is being composed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from server.clock import Alarm, Clock
from server.observability.timeline import Timeline
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

    @contextmanager
    def shown(self, token: str, timeline: Timeline) -> Iterator[None]:
        """Typing is shown, and renewed before it ends, until the block is left."""
        alarm: Alarm | None = None

        def show() -> None:
            nonlocal alarm
            self._show(token, timeline)
            alarm = self._clock.later(self._renew_after, show)

        show()
        try:
            yield
        finally:
            if alarm:  # a call under way may end by itself: breaking it off would cost the connection
                alarm.cancel()

    def _show(self, token: str, timeline: Timeline) -> None:
        if len(self._tasks) < MOST_AT_ONCE:  # else TalkMe is slow: its connections are needed for replies
            task = asyncio.create_task(self._call(token, timeline))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _call(self, token: str, timeline: Timeline) -> None:
        def ended(how: str, seconds: float) -> None:
            timeline.add("typing", outcome=how, seconds=seconds)

        try:
            await self._talkme.typing(token, ended)
        except Exception as error:  # it is a courtesy: nothing that goes wrong with it may matter
            log.debug("typing is not shown: %s", type(error).__name__)
