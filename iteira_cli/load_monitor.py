"""A load while it runs: what the daemon's processes use, and one line on a terminal that shows how it goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iteira_cli.errors import CliError
from iteira_cli.processes import Consumption, consumption

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient
    from iteira_cli.output import Output
    from mock_server.delivery import Deliveries
    from mock_server.traffic import Traffic

SHOWN_EVERY = 0.25
SAMPLED_EVERY = 1.0
"""Seconds between two looks at the daemon's processes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the daemon's processes used: `at` seconds after the load began, CPU seconds until then, bytes."""

    at: float
    cpu: float
    memory: int


class Monitor:
    """Watches a load. `samples`: what was seen so far."""

    def __init__(self, traffic: Traffic, deliveries: Deliveries, admin: AdminClient, output: Output) -> None:
        self._traffic, self._deliveries, self._admin, self._output = traffic, deliveries, admin, output
        self.samples: list[Sample] = []

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Processes are sampled, and on a terminal one line shows how it goes."""
        tasks = [asyncio.create_task(self._sample())]
        with self._status() as update:
            if update:
                tasks.append(asyncio.create_task(self._refresh(update)))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    @contextmanager
    def _status(self) -> Iterator[Callable[[str], None] | None]:
        """What shows a line on a terminal; None elsewhere."""
        if not self._output.err.is_terminal:
            yield None
            return
        with self._output.err.status("calling") as status:
            yield status.update

    async def _refresh(self, update: Callable[[str], None]) -> None:
        while True:
            update(progress(self._traffic, self._deliveries.refusals))
            await asyncio.sleep(SHOWN_EVERY)

    async def _sample(self) -> None:
        pids: list[int] = []
        with suppress(CliError):
            pids = [worker["pid"] for worker in (await asyncio.to_thread(self._admin.stats))["workers"]]
        while True:
            used: Consumption | None = await asyncio.to_thread(consumption, pids) if pids else None
            if used and self._traffic.began:
                self.samples.append(Sample(time.time() - self._traffic.began, used.cpu, used.memory))
            await asyncio.sleep(SAMPLED_EVERY)


def progress(traffic: Traffic, refusals: int) -> str:
    """How a load goes, in one line."""
    from iteira_cli.output import duration
    from mock_server.figures import latencies, spread

    seen = traffic.observations
    answered = sum(each.heard_at is not None for each in seen)
    waits = spread(latencies(seen[-1000:]))
    seconds = time.time() - (traffic.began or time.time())
    return (
        f"{seconds:.0f} s: {traffic.under_way} calls under way, {traffic.said} said, {answered} answered, "
        f"{traffic.said - len(seen)} waiting, {len(seen) - answered} failed, {refusals} refused; "
        f"reply p50 {duration(waits.p50)}, p95 {duration(waits.p95)}"
    )
