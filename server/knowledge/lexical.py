"""Lexical search: which documents hold the question's words, the rare ones first."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

from server.knowledge.words import terms

# It lets everything through whatever the root logger's level is, and reports each build.
logging.getLogger("bm25s").setLevel(logging.WARNING)


class Lexical:
    """BM25 over lemmas and pieces of them. Immutable once built; safe to use from several threads."""

    def __init__(self, texts: Sequence[str]) -> None:
        """`texts` holds at least one text; their order is the order of all scores."""
        tokens = [terms(text) for text in texts]
        self._held = [frozenset(of_text) for of_text in tokens]
        self._count = len(texts)
        self._spread = Counter(term for held in self._held for term in held)
        self._bm25 = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        # An index without a single term cannot be built; a text of function words alone would be one.
        self._bm25.index([of_text or [""] for of_text in tokens], show_progress=False)

    def scores(self, asked: Sequence[str]) -> NDArray[np.float32]:
        """BM25 of each text for the asked terms, as a share (0 to 1) of what a perfect text could reach."""
        known = [term for term in asked if term in self._spread]
        if not known:
            return np.zeros(self._count, dtype=np.float32)
        scores: NDArray[np.float32] = self._bm25.get_scores(known)
        return scores / np.float32(self._weight(asked))

    def coverage(self, asked: Sequence[str], at: int) -> float:
        """Share (0 to 1) of the asked terms, weighed by their rarity, that stand in the text at this position."""
        held = self._held[at]
        return self._weight([term for term in asked if term in held]) / self._weight(asked) if asked else 0.0

    def _weight(self, asked: Sequence[str]) -> float:
        """Sum of the inverse document frequencies, as Lucene's BM25 defines them."""
        spreads = (self._spread[term] for term in asked)
        return sum(math.log1p((self._count - spread + 0.5) / (spread + 0.5)) for spread in spreads)
