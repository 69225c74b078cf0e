"""Russian words as pymorphy3 sees them, in all that is said of callers and numbers."""

from __future__ import annotations

from functools import lru_cache

import pymorphy3

from server.morphology import parse


@lru_cache(maxsize=10_000)
def parses(word: str) -> list[pymorphy3.analyzer.Parse]:
    """What the word may be, the likeliest first."""
    return parse(word)
