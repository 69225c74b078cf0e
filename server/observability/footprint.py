"""What this process costs the machine, as the system itself counts it."""

from __future__ import annotations

import os
import time
from pathlib import Path

STATM = Path("/proc/self/statm")
"""Sizes in pages; the second one is what is in memory (Linux, proc(5))."""


class Footprint:
    """Looked at again and again; processor time is counted from look to look."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def cpu(self) -> float | None:
        """Processors kept busy since the look before: 0.5 is half of one. None the first time."""
        now, used = time.monotonic(), time.process_time()
        before, self._before = self._before, (now, used)
        if before is None or now <= before[0]:
            return None
        return round((used - before[1]) / (now - before[0]), 3)


def processor_seconds() -> float:
    """That this process has used since it started."""
    return round(time.process_time(), 3)


def memory() -> int | None:
    """Bytes of this process that are in memory now; None where the system does not tell."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
