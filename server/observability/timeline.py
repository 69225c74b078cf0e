"""What happened in the turn of one message, for the person who asks why. No texts, no names, no numbers of callers."""

from __future__ import annotations

from server.clock import Clock
from server.models import Event

MOST = 60
"""Events of one message; a turn has about eight. The first ones and the latest are kept."""


class Timeline:
    """Written while the turn goes on, stored with the message. Goes on from `before` where a worker takes over."""

    def __init__(self, clock: Clock, before: tuple[Event, ...] = ()) -> None:
        self._clock = clock
        self._events = list(before)

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(self._events)

    def add(self, what: str, at: float | None = None, /, **details: str | float | bool | None) -> None:
        """`at`: Unix seconds, now if left out. Details that are None are left out; seconds are rounded."""
        kept = {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in details.items()
            if value is not None
        }
        event = Event(self._clock.now() if at is None else at, what, kept)
        if len(self._events) >= MOST:
            del self._events[MOST // 2]
        self._events.append(event)
