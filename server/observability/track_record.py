"""How a part that we depend on has served lately, as far as this process has seen."""

from __future__ import annotations


class TrackRecord:
    """Remembers the latest result, and how many failures in a row have led to it."""

    def __init__(self) -> None:
        self._failures = 0
        self._reason = ""

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, reason: str) -> None:
        self._failures += 1
        self._reason = reason

    @property
    def trouble(self) -> str | None:
        """What went wrong, if the latest attempt did; None while all is well."""
        if not self._failures:
            return None
        return self._reason if self._failures == 1 else f"{self._reason} ({self._failures} times in a row)"
