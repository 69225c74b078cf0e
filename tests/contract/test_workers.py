"""What every store knows of its workers, and what they have counted."""

from __future__ import annotations

from server.models import Worker
from server.stores.base import Store
from tests.clock import FakeClock


async def test_workers_are_known_while_they_report(store: Store, clock: FakeClock) -> None:
    old = Worker("w1", 1, "host", started_at=1.0, seen_at=clock.now() - 60, turns=0, consultant="offline")
    new = Worker("w2", 2, "host", started_at=2.0, seen_at=clock.now(), turns=3, consultant="offline")
    for worker in (new, old):
        await store.report(worker)
    assert list(await store.workers(0)) == [old, new]
    assert list(await store.workers(clock.now() - 30)) == [new]
    await store.leave("w2")
    assert list(await store.workers(0)) == [old]


async def test_what_workers_have_counted_adds_up_and_stays_when_they_are_gone(store: Store, clock: FakeClock) -> None:
    def told(worker_id: str, **counts: float) -> Worker:
        return Worker(worker_id, 1, "host", clock.now(), clock.now(), gauges={"lag": 0.25}, counts=counts)

    await store.report(told("w1", sent=3.0, seconds=0.7))
    await store.report(told("w1", sent=5.0, seconds=0.7))
    await store.report(told("w1", sent=5.0, seconds=0.7))  # a report that is repeated tells nothing new
    await store.report(told("w2", sent=1.0, failed=2.0))
    await store.leave("w1")
    await store.report(told("w2", sent=2.0, failed=2.0))
    assert dict(await store.counted()) == {"sent": 7.0, "failed": 2.0, "seconds": 0.7}
    assert [(worker.id, dict(worker.gauges)) for worker in await store.workers(0)] == [("w2", {"lag": 0.25})]
