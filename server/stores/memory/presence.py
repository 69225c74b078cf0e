"""Which workers there are, and what all that there ever were have counted."""

from __future__ import annotations

from dataclasses import replace

from server.models import Worker
from server.stores.counts import growth
from server.stores.memory.tables import Tables


def report(tables: Tables, worker: Worker) -> None:
    before = tables.workers.get(worker.id)
    for name, more in growth(before.counts if before else {}, worker.counts).items():
        tables.counted[name] = tables.counted.get(name, 0.0) + more
    tables.workers[worker.id] = worker


def leave(tables: Tables, worker_id: str) -> None:
    tables.workers.pop(worker_id, None)


def workers(tables: Tables, seen_since: float) -> list[Worker]:
    found = [replace(worker, counts={}) for worker in tables.workers.values() if worker.seen_at >= seen_since]
    return sorted(found, key=lambda worker: (worker.started_at, worker.id))
