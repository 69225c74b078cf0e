"""How workers know of each other: each one reports to the store that it is alive, and what it does."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from server.clock import Clock
from server.ending import ended
from server.errors import StoreError
from server.models import Worker
from server.observability.catalogue import CPU_SECONDS, REFUSED
from server.observability.footprint import Footprint, memory, processor_seconds
from server.observability.loop_lag import LoopLag
from server.observability.standing import LOOP_LAG
from server.observability.tally import SEPARATOR, Tally
from server.stores.base import Presence

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
GONE_SECONDS = 10.0
"""A worker that has not reported for so long counts as gone."""


def this_worker(clock: Clock, consultant: str) -> Worker:
    """This process, as it will report itself."""
    now, host = clock.now(), socket.gethostname()
    return Worker(f"{host}:{os.getpid()}:{uuid4().hex[:6]}", os.getpid(), host, now, now, consultant=consultant)


class Heartbeat:
    """Reports this worker every second between `start` and `stop`, a last time when it stops.

    `turns` tells how many it has under way, `refused` is the running count of webhooks it has refused, `tally` what it
    has counted beside them, and `gauges` how it stands.
    """

    def __init__(
        self,
        presence: Presence,
        worker: Worker,
        clock: Clock,
        *,
        turns: Callable[[], int],
        refused: Mapping[str, int],
        tally: Tally,
        gauges: Callable[[], Mapping[str, float]],
    ) -> None:
        self._presence, self._worker, self._clock = presence, worker, clock
        self._turns, self._refused, self._tally, self._gauges = turns, refused, tally, gauges
        self._footprint, self._lag = Footprint(), LoopLag()

    def start(self) -> None:
        self._lag.start()
        self._task = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        await ended(self._task)
        await self._lag.stop()
        with suppress(StoreError):
            await self._presence.report(self._report())
            await self._presence.leave(self._worker.id)

    async def _beat(self) -> None:
        while True:
            try:
                await self._presence.report(self._report())
            except StoreError as error:
                log.warning("this worker could not report itself: %s", error)
            except Exception:  # whoever does not report himself any more counts as dead
                log.exception("this worker could not report itself: our own error")
            await self._clock.sleep(REPORT_SECONDS)

    def _report(self) -> Worker:
        return replace(
            self._worker,
            seen_at=self._clock.now(),
            turns=self._turns(),
            refused=dict(self._refused),
            cpu=self._footprint.cpu(),
            memory=memory(),
            gauges={**self._gauges(), LOOP_LAG: self._lag.worst()},
            counts=self._counts(),
        )

    def _counts(self) -> dict[str, float]:
        refused = {SEPARATOR.join((REFUSED.name, status)): float(count) for status, count in self._refused.items()}
        return {**self._tally.counts(), **refused, CPU_SECONDS.name: processor_seconds()}
