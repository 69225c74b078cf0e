"""How a worker stands at this moment, in numbers, as its report tells the others and `/metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from server.consultant.ladder import Ladder
from server.knowledge.base import Knowledge
from server.models import Worker
from server.observability.tally import SEPARATOR
from server.observability.track_record import TrackRecord

ROLE, CIRCUIT_OPEN = "role", "circuit_open"
LOOP_LAG = "loop_lag_seconds"
DOCUMENTS, FILES = "knowledge_documents", "knowledge_files"
PROBLEMS, UPDATED = "knowledge_problems", "knowledge_updated"
SERVED_AT, FAILED_AT = "served_at", "failed_at"
CONSULTANT, TALKME = "consultant", "talkme"
"""Parts whose latest results workers tell each other."""


class Standing:
    """What one worker measures of itself. One that only receives (`answering` False) searches and asks nobody."""

    def __init__(
        self, role: str, knowledge: Knowledge, ladder: Ladder, delivery: TrackRecord, *, answering: bool
    ) -> None:
        self._role, self._knowledge, self._ladder, self._answering = role, knowledge, ladder, answering
        self._records = {CONSULTANT: ladder.record, TALKME: delivery}

    def gauges(self) -> dict[str, float]:
        """By name; a name may carry the value of a label."""
        told = {named(ROLE, self._role): 1.0}
        if not self._answering:
            return told
        status = self._knowledge.status()
        told |= {named(CIRCUIT_OPEN, by): float(is_open) for by, is_open in self._ladder.circuits.items()}
        for part, record in self._records.items():
            told |= {named(SERVED_AT, part): record.served_at, named(FAILED_AT, part): record.failed_at}
        told |= {
            DOCUMENTS: float(status.documents_count),
            FILES: float(status.files_count),
            PROBLEMS: float(len(status.problems)),
        }
        return told if status.updated_at is None else {**told, UPDATED: status.updated_at}


def named(name: str, label: str) -> str:
    return f"{name}{SEPARATOR}{label}"


def told_by(workers: Iterable[Worker], name: str) -> list[float]:
    """What those workers tell under this name that tell it."""
    return [worker.gauges[name] for worker in workers if name in worker.gauges]


def summed(workers: Iterable[Worker], name: str) -> dict[str, float]:
    """For each label of this name, the sum over workers."""
    total: dict[str, float] = {}
    for worker in workers:
        for label, value in labelled(worker.gauges, name).items():
            total[label] = total.get(label, 0.0) + value
    return total


def labelled(gauges: Mapping[str, float], name: str) -> dict[str, float]:
    prefix = named(name, "")
    return {key.removeprefix(prefix): value for key, value in gauges.items() if key.startswith(prefix)}
