"""What one worker has counted since it started: a few additions in memory, told to the store with its reports."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from server.observability.catalogue import OTHER, SECONDS, Counted, Measured

SEPARATOR = "|"
"""Between the parts of a key: the name, the values of the labels and, of a histogram, which bucket or `sum`."""
SUM = "sum"


class Tally:
    """Used by one event loop. Costs about a microsecond for each addition."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, tuple[str, ...]], float] = {}
        self._measured: dict[tuple[str, tuple[str, ...]], list[float]] = {}

    def add(self, what: Counted, *values: str, more: float = 1.0) -> None:
        """Count `more`. `values` are those of its labels, in their order; one that is not expected becomes `other`."""
        key = (what.name, values)
        if key not in self._counts:
            key = (what.name, _expected(what, values))
        self._counts[key] = self._counts.get(key, 0.0) + more

    def observe(self, what: Measured, seconds: float, *values: str) -> None:
        """Put a duration into its bucket."""
        key = (what.name, values)
        if key not in self._measured:
            key = (what.name, _expected(what, values))
            self._measured.setdefault(key, [0.0] * (len(SECONDS) + 2))
        buckets = self._measured[key]
        buckets[bisect_left(SECONDS, seconds)] += 1
        buckets[-1] += seconds

    def counts(self) -> dict[str, float]:
        """All of it, flat, so that a store can add up what workers tell without knowing what it means."""
        flat = {SEPARATOR.join((name, *values)): count for (name, values), count in self._counts.items()}
        for (name, values), buckets in self._measured.items():
            key = SEPARATOR.join((name, *values, ""))
            flat |= {f"{key}{at}": count for at, count in enumerate(buckets[:-1]) if count}
            flat[f"{key}{SUM}"] = round(buckets[-1], 6)
        return flat


def count_of(counts: Mapping[str, float], what: Counted, values: tuple[str, ...]) -> float:
    """What has been counted, out of `counts` as a store has added it up."""
    return counts.get(SEPARATOR.join((what.name, *values)), 0.0)


def buckets_of(
    counts: Mapping[str, float], what: Measured, values: tuple[str, ...]
) -> tuple[list[tuple[str, float]], float]:
    """The buckets of a histogram as Prometheus tells them, each with all below it, and the sum in seconds."""
    key = SEPARATOR.join((what.name, *values, ""))
    told, total = [], 0.0
    for at, bound in enumerate((*map(repr, SECONDS), "+Inf")):
        total += counts.get(f"{key}{at}", 0.0)
        told.append((bound, total))
    return told, counts.get(f"{key}{SUM}", 0.0)


def series_of(counts: Mapping[str, float], what: Counted) -> list[tuple[str, ...]]:
    """The values of its labels that are told: those that always are, and those for which something was counted."""
    parts = [key.split(SEPARATOR) for key in counts]
    depth = len(what.labels) + 1
    counted = {tuple(each[1:depth]) for each in parts if each[0] == what.name and len(each) >= depth}
    return sorted({*what.series(), *counted})


def _expected(what: Counted, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value if value in known else OTHER for value, known in zip(values, what.values, strict=True))
