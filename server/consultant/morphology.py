"""Russian words as pymorphy3 sees them: one dictionary for all that is said of callers and numbers."""

from __future__ import annotations

from functools import cache, lru_cache

import pymorphy3


@lru_cache(maxsize=10_000)
def parses(word: str) -> list[pymorphy3.analyzer.Parse]:
    """What the word may be, the likeliest first."""
    return list(_morphology().parse(word))


@cache
def _morphology() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer()
