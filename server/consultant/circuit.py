"""A circuit breaker before a provider: during an outage callers do not wait for its timeouts."""

from __future__ import annotations

from server.clock import Clock


class Admission:
    """One caller's leave to ask."""


class Circuit:
    """Opens after so many failures in a row; after `pause` seconds one caller tries whether all is well again. With
    None for the failures it never opens: who depends on nobody is no better after a pause.

    Whoever was admitted says `succeeded`, `failed` or, if he never learned, `released`. While it is open, only what
    the one who tries says counts: from those who were admitted before it is old news.
    """

    def __init__(self, clock: Clock, failures: int | None, pause: float) -> None:
        self._clock, self._most, self._pause = clock, failures, pause
        self._failures = 0
        self._opened: float | None = None
        self._trying: Admission | None = None

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    @property
    def opens_in(self) -> float:
        """Seconds until it may be tried again; 0 while it is closed."""
        return 0.0 if self._opened is None else max(0.0, self._opened + self._pause - self._clock.now())

    def admitted(self) -> Admission | None:
        """None for who is to ask somebody else."""
        if not self.is_open:
            return Admission()
        if self._trying or self.opens_in > 0:
            return None
        self._trying = Admission()
        return self._trying

    def succeeded(self, admission: Admission) -> None:
        if self._counts(admission):
            self._failures, self._opened, self._trying = 0, None, None

    def failed(self, admission: Admission) -> None:
        if not self._counts(admission):
            return
        self._trying = None
        self._failures += 1
        if self._most is not None and self._failures >= self._most:
            self._opened = self._clock.now()

    def released(self, admission: Admission) -> None:
        if self._trying is admission:
            self._trying = None

    def _counts(self, admission: Admission) -> bool:
        return not self.is_open or self._trying is admission
