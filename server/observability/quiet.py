"""When the last message came, and whether silence since then is unusual for this hour of the week."""

from __future__ import annotations

from dataclasses import dataclass

from server.models import Received

HOUR = 3600
WEEK = 168
"""Hours after which a week repeats itself."""
LEARNED_FROM = 4
"""Weeks before that are looked at."""
MISSED = 12.0
"""Messages that should have come by now for a silence to be unusual. Callers come in bunches: of independent ones
three would be missed by chance once in twenty times, twelve never."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Since the last message. `last_at` is Unix seconds, None before the first one."""

    last_at: float | None
    seconds: float | None
    usually: float | None
    """Messages that came in as long a time at this hour of earlier weeks, on average; None until a week is known."""

    @property
    def unusual(self) -> bool:
        return self.usually is not None and self.usually >= MISSED


def silence(received: Received, now: float) -> Silence:
    """How long nothing has come until `now`, and what that means."""
    if received.last_at is None:
        return Silence(None, None, None)
    return Silence(received.last_at, round(max(0.0, now - received.last_at), 3), _usually(received, now))


def _usually(received: Received, now: float) -> float | None:
    first = min(received.by_hour, default=None)
    if first is None or received.last_at is None or int(now // HOUR) - first < WEEK:
        return None
    # Of a longer silence its first week says enough, and the weeks before that are not silent themselves.
    since, until = received.last_at, min(now, received.last_at + WEEK * HOUR)
    expected = 0.0
    for hour in range(int(since // HOUR), int(until // HOUR) + 1):
        part = min(until, (hour + 1) * HOUR) - max(since, hour * HOUR)
        expected += _average(received, first, hour) * part / HOUR
    return round(expected, 2)


def _average(received: Received, first: int, hour: int) -> float:
    """Messages in this hour of the weeks before, as far as they are known."""
    known = [earlier for week in range(1, LEARNED_FROM + 1) if (earlier := hour - week * WEEK) >= first]
    return sum(received.by_hour.get(earlier, 0) for earlier in known) / len(known) if known else 0.0
