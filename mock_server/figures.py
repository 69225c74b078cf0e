"""From single observations to the figures of a load: percentiles, a histogram, and what happened in each second."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STEPS = 5
"""Bars of the histogram for each doubling of the latency."""
LEAST = 0.001
"""Seconds; the first bar holds everything below."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One message of a load. Times are Unix seconds; None for what did not happen."""

    intended_at: float
    """When the caller wanted to say it. Latencies count from here, so that a late generator hides no waiting."""
    said_at: float
    """When the generator began to deliver it."""
    accepted: bool
    webhook_at: float
    """When the webhook was answered or given up."""
    heard_at: float | None
    """When its reply was heard."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of durations in seconds; None without any."""

    count: int
    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """How many durations were from `start` (included) to `end` (excluded), in seconds."""

    start: float
    end: float
    count: int


@dataclass(frozen=True, slots=True)
class Second:
    """What happened in the second that begins `at` seconds after the load; latencies are of what was said in it."""

    at: int
    said: int
    answered: int
    """Replies heard in it, whenever the message was said."""
    refused: int
    """Said in it and never accepted."""
    unanswered: int
    """Said in it, accepted, and no reply was heard."""
    p50: float | None
    p95: float | None
    p99: float | None


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Of values in ascending order, with linear interpolation between neighbours (type 7 of Hyndman and Fan)."""
    if not ordered:
        return None
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def spread(seconds: Iterable[float]) -> Spread:
    ordered = sorted(seconds)
    count = len(ordered)
    return Spread(
        count=count,
        mean=math.fsum(ordered) / count if ordered else None,
        p50=percentile(ordered, 0.5),
        p90=percentile(ordered, 0.9),
        p95=percentile(ordered, 0.95),
        p99=percentile(ordered, 0.99),
        max=ordered[-1] if ordered else None,
    )


def histogram(seconds: Iterable[float]) -> list[Bar]:
    """Bars of equal width on a logarithmic axis, from the first that holds anything to the last."""
    counts: dict[int, int] = {}
    for value in seconds:
        place = math.floor(math.log2(value / LEAST) * STEPS) if value > LEAST else -1
        counts[place] = counts.get(place, 0) + 1
    if not counts:
        return []
    return [
        Bar(_edge(place) if place >= 0 else 0.0, _edge(place + 1), counts.get(place, 0))
        for place in range(min(counts), max(counts) + 1)
    ]


def _edge(place: int) -> float:
    return float(LEAST * 2 ** (place / STEPS))


def latencies(observations: Iterable[Observation]) -> list[float]:
    """Seconds from the wish to speak to the reply, of all that were answered."""
    return [seen.heard_at - seen.intended_at for seen in observations if seen.heard_at is not None]


def series(observations: Sequence[Observation], begin: float) -> list[Second]:
    """Every second from `begin` to the last event, without gaps."""
    said: dict[int, list[Observation]] = {}
    heard: dict[int, int] = {}
    for seen in observations:
        said.setdefault(int(seen.intended_at - begin), []).append(seen)
        if seen.heard_at is not None:
            at = int(seen.heard_at - begin)
            heard[at] = heard.get(at, 0) + 1
    last = max((*said, *heard), default=-1)
    return [_second(at, said.get(at, []), heard.get(at, 0)) for at in range(last + 1)]


def _second(at: int, said: Sequence[Observation], answered: int) -> Second:
    waited = sorted(latencies(said))
    return Second(
        at=at,
        said=len(said),
        answered=answered,
        refused=sum(not seen.accepted for seen in said),
        unanswered=sum(seen.accepted and seen.heard_at is None for seen in said),
        p50=percentile(waited, 0.5),
        p95=percentile(waited, 0.95),
        p99=percentile(waited, 0.99),
    )
