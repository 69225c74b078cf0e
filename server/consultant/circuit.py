"""A circuit breaker before a provider: during an outage callers do not wait for its timeouts."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pybreaker import CircuitBreaker, CircuitBreakerError, CircuitMemoryStorage

from server.clock import Clock


class Circuit:
    """Opens after so many failures in a row; after `pause` seconds one caller tries whether all is well again.

    Whoever was admitted says `succeeded`, `failed` or, if he never learned, `released`.
    """

    def __init__(self, clock: Clock, failures: int, pause: float) -> None:
        self._clock, self._pause = clock, pause
        self._storage = _ClockedStorage(clock)
        self._breaker = CircuitBreaker(fail_max=failures, reset_timeout=pause, state_storage=self._storage)
        self._trying = False

    @property
    def is_open(self) -> bool:
        return self._breaker.current_state == "open"

    @property
    def opens_in(self) -> float:
        """Seconds until it may be tried again; 0 while it is closed."""
        return max(0.0, self._storage.opened + self._pause - self._clock.now()) if self.is_open else 0.0

    def admits(self) -> bool:
        if not self.is_open:
            return True
        if self._trying or self.opens_in > 0:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        self._trying = False
        with suppress(CircuitBreakerError):  # late news of a circuit that has opened since
            self._breaker.call(lambda: None)

    def failed(self) -> None:
        self._trying = False
        with suppress(CircuitBreakerError, _Failure):
            self._breaker.call(_fail)

    def released(self) -> None:
        self._trying = False


class _Failure(Exception):
    pass


def _fail() -> None:
    raise _Failure


class _ClockedStorage(CircuitMemoryStorage):
    """Tells the library, which reads the system's time itself, when the circuit opened by our clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("closed")
        self._clock = clock
        self.opened = 0.0

    @property
    def opened_at(self) -> datetime | None:
        return datetime.now(UTC) - timedelta(seconds=self._clock.now() - self.opened)

    @opened_at.setter
    def opened_at(self, datetime: datetime) -> None:
        self.opened = self._clock.now()
