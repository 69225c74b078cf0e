"""What a worker's counts have grown by between two of its reports."""

from __future__ import annotations

from collections.abc import Mapping


def growth(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """Only what has grown, by name."""
    return {name: count - before.get(name, 0.0) for name, count in now.items() if count != before.get(name, 0.0)}
