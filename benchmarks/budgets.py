"""What a message may cost here, and whether it did: our promises, checked against the results of one run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import tables
from benchmarks.trial import Figures

Results = Mapping[str, Sequence[Figures]]
LIMIT, IDIOMATIC, QUEUE = "practical limit", "idiomatic FastAPI", "task queue (FastAPI, SAQ)"
SQLITE, REDIS = "iteira, SQLite", "iteira, Redis"


@dataclass(frozen=True)
class Budget:
    what: str
    most: float
    of: tuple[str, ...]
    """Targets that must have been measured for it."""
    measured: Callable[[Results], float]


def _of(results: Results, name: str, figure: str) -> float:
    return float(statistics.median(getattr(each, figure) for each in results[name]))


def _times(name: str, other: str) -> Callable[[Results], float]:
    return lambda results: _of(results, name, "cpu") / _of(results, other, "cpu")


def _wrong(name: str) -> Callable[[Results], float]:
    return lambda results: sum(each.lost + each.doubled + each.disordered for each in results[name])


BUDGETS = (
    Budget("SQLite: CPU, times the limit", 2.0, (SQLITE, LIMIT), _times(SQLITE, LIMIT)),
    Budget("Redis: CPU, times the limit", 3.0, (REDIS, LIMIT), _times(REDIS, LIMIT)),
    Budget("SQLite: CPU, times the idiomatic", 1 / 3, (SQLITE, IDIOMATIC), _times(SQLITE, IDIOMATIC)),
    Budget("SQLite: CPU, times the task queue", 1 / 2, (SQLITE, QUEUE), _times(SQLITE, QUEUE)),
    Budget("SQLite: late p50, ms", 8, (SQLITE,), lambda results: _of(results, SQLITE, "p50")),
    Budget("SQLite: late p99, ms", 60, (SQLITE,), lambda results: _of(results, SQLITE, "p99")),
    Budget("SQLite: peak MB", 120, (SQLITE,), lambda results: max(each.memory for each in results[SQLITE])),
    Budget("SQLite: lost, doubled, out of order", 0, (SQLITE,), _wrong(SQLITE)),
    Budget("Redis: lost, doubled, out of order", 0, (REDIS,), _wrong(REDIS)),
)


def account(results: Results) -> str:
    """A table of the budgets whose targets were measured; empty where there is none."""
    found = [
        (each.what, f"{each.most:.3g}", f"{measured:.3g}", "yes" if measured <= each.most else "NO")
        for each in BUDGETS
        if set(each.of) <= set(results)
        for measured in [each.measured(results)]
    ]
    return tables.table(("budget", "at most", "measured", "held"), found) if found else ""
