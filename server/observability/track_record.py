"""How a part that we depend on has served lately, as far as this process has seen."""

from __future__ import annotations

from server.clock import Clock


class TrackRecord:
    """Remembers the latest result, and how many failures in a row have led to it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._reason = ""
        self.served_at = self.failed_at = 0.0
        """When it served and when it failed last, Unix seconds; 0 for never."""

    def succeeded(self) -> None:
        self._failures = 0
        self.served_at = self._clock.now()

    def failed(self, reason: str) -> None:
        self._failures += 1
        self._reason = reason
        self.failed_at = self._clock.now()

    @property
    def trouble(self) -> str | None:
        """What went wrong, if the latest attempt did; None while all is well."""
        if not self._failures:
            return None
        return self._reason if self._failures == 1 else f"{self._reason} ({self._failures} times in a row)"
