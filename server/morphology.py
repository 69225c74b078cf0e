"""The Russian dictionary, one for all of a process: it takes 20 MB and a tenth of a second to read."""

from __future__ import annotations

from functools import cache

import pymorphy3

LONGEST = 60
"""Letters of a word; the longest of the dictionary has 40."""
SIGN = "-"


@cache
def analyzer() -> pymorphy3.MorphAnalyzer:
    """pymorphy3's, with the dictionary of OpenCorpora."""
    return pymorphy3.MorphAnalyzer()


def parse(word: str) -> list[pymorphy3.analyzer.Parse]:
    """What the word may be, the likeliest first; at least one.

    pymorphy3 raises for letters without a name (Tangut, which Unicode numbers only), and goes deeper with each prefix
    that it finds. Such a word is no Russian one, nor is a very long one, and is taken for a sign.
    """
    try:
        return list(analyzer().parse(word if len(word) <= LONGEST else SIGN))
    except ValueError:
        return list(analyzer().parse(SIGN))
