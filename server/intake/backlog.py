"""The backlog: messages that have come in and that nobody has begun to answer, and how long the next one would wait.

By Little's law that is their number times the seconds between two that are begun with. It is known beforehand: how long
those have waited who are served now tells it when too many wait already.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from server.clock import Clock
from server.models import Message
from server.stores.base import CROWD

log = logging.getLogger(__name__)

MEASURED = 1.0
"""Seconds over which the pace is measured, once a crowd waits: a burst of a second is taken whole."""
REALLY = 1 / 8
"""Part of `limits.wait` for which those have waited who are begun with now, else it is no backlog: several processes
share their messages, and whose turn is another one's counts here until it has ended."""

SILENT = 10.0
"""Seconds after which the log says again that webhooks are refused."""


class Place:
    """Of one message in the backlog."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog, self._left = backlog, False
        self.message_id: str | None = None

    def of(self, message_id: str) -> None:
        """The message has this id: its place is left when a worker of this process begins to answer it."""
        self.message_id = message_id
        self._backlog.places[message_id] = self

    def leave(self) -> None:
        """Nobody waits here any more. A second time does nothing."""
        if not self._left:
            self._left = True
            self._backlog.left()


class Backlog:
    """Of one process, used by one event loop. `wait`, in seconds, is that of `limits.wait`."""

    def __init__(self, wait: float, clock: Clock) -> None:
        self.wait, self._clock = wait, clock
        self.places: dict[str, Place] = {}
        self._waiting = self._have_left = 0
        self._since: tuple[float, int] | None = None
        """When measuring began, and how many had left by then; None without a crowd."""
        self._pace = 0.0
        """Seconds between two that leave; 0 where it is not known."""
        self._waited = self._silent_until = 0.0

    @contextmanager
    def place(self) -> Iterator[Place]:
        """The place of one who comes in; it is left at the end of the block at the latest."""
        place = Place(self)
        self._waiting += 1
        self._measure()
        try:
            yield place
        finally:
            self.places.pop(place.message_id or "", None)
            place.leave()

    def begun(self, message: Message) -> None:
        """A worker of this process has all that it needs to answer this message."""
        self._waited = self._clock.now() - message.waiting_since
        if place := self.places.pop(message.id, None):
            place.leave()

    def left(self) -> None:
        self._waiting -= 1
        self._have_left += 1

    @property
    def seconds(self) -> float:
        """For which whoever comes now would wait; 0 where nobody can tell yet."""
        self._measure()
        return self._waiting * self._pace if self._waited > REALLY * self.wait else 0.0

    def refuses(self) -> bool:
        """Whether whoever comes now would wait for longer than he may. Says so in the log, and not again and again."""
        if (seconds := self.seconds) <= self.wait:
            return False
        if (now := self._clock.now()) >= self._silent_until:
            self._silent_until = now + SILENT
            log.warning(
                "webhooks are refused with 503: %d messages wait, %.1f s of work, more than limits.wait = %g allows",
                self._waiting,
                seconds,
                self.wait,
            )
        return True

    def _measure(self) -> None:
        now = self._clock.now()
        if self._waiting < CROWD:
            self._since, self._pace = None, 0.0
        elif self._since is None:
            self._since = now, self._have_left
        elif (passed := now - self._since[0]) >= MEASURED:
            self._pace = passed / max(1, self._have_left - self._since[1])
            self._since = now, self._have_left
