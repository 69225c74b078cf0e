"""Results as a Markdown table that is also readable on a terminal, and what it was measured on."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(3, *(len(line[at]) for line in lines)) for at in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    padded = ((cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def median(results: Sequence[T], figure: Callable[[T], float]) -> float:
    return statistics.median(map(figure, results))


def percentile(rounds: Iterable[Sequence[float]], percent: float) -> float:
    """The median over the rounds of a percentile of each; a round is in ascending order."""
    return statistics.median(each[min(len(each) - 1, int(percent / 100 * len(each)))] for each in rounds)


def machine() -> str:
    """One line: processor, cores, Python, and how busy others keep it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, load average {load:.1f} at the start"


def note(line: str) -> None:
    """Progress, beside the results."""
    print(line, file=sys.stderr, flush=True)
