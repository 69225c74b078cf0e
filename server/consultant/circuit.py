"""A circuit breaker before a provider: during an outage callers do not wait for its timeouts."""

from __future__ import annotations

from server.clock import Clock


class Circuit:
    """Opens after so many failures in a row; after `pause` seconds one caller tries whether all is well again.

    Whoever was admitted says `succeeded`, `failed` or, if he never learned, `released`.
    """

    def __init__(self, clock: Clock, failures: int, pause: float) -> None:
        self._clock, self._most, self._pause = clock, failures, pause
        self._failures = 0
        self._opened: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    @property
    def opens_in(self) -> float:
        """Seconds until it may be tried again; 0 while it is closed."""
        return 0.0 if self._opened is None else max(0.0, self._opened + self._pause - self._clock.now())

    def admits(self) -> bool:
        if not self.is_open:
            return True
        if self._trying or self.opens_in > 0:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        self._trying = False
        if not self.opens_in:  # else it is late news of a circuit that has opened since
            self._failures, self._opened = 0, None

    def failed(self) -> None:
        self._trying = False
        if self.opens_in:
            return
        self._failures += 1
        if self._failures >= self._most:
            self._opened = self._clock.now()

    def released(self) -> None:
        self._trying = False
