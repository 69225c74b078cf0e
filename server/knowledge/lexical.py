"""Lexical search: which documents hold the question's words, the rare ones first."""

from __future__ import annotations

import logging
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from server.knowledge.words import terms


@dataclass(frozen=True, slots=True)
class Postings:
    """What each term is worth in the texts that hold it: the texts of term `i` and its worth (BM25) in them stand at
    `starts[i]` to `starts[i + 1]` of `texts` and `worths`. `count` is how many texts there are."""

    terms: tuple[str, ...]
    starts: NDArray[np.int64]
    texts: NDArray[np.int32]
    worths: NDArray[np.float32]
    count: int


def postings(searched: Sequence[str]) -> Postings:
    """Of at least one text; their order is the order of all scores."""
    import bm25s  # here, since it is of no use to whoever finds an index built

    # It lets everything through whatever the root logger's level is, and reports each build.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    bm25 = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    # An index without a single term cannot be built; a text of function words alone would be one.
    bm25.index([terms(text) or [""] for text in searched], show_progress=False)
    found = bm25.scores
    ordered = sorted(bm25.vocab_dict, key=bm25.vocab_dict.__getitem__)
    starts = found["indptr"].astype(np.int64)
    return Postings(tuple(ordered[: len(starts) - 1]), starts, found["indices"], found["data"], len(searched))


class Lexical:
    """BM25 over lemmas and pieces of them. Immutable once built; safe to use from several threads."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._number = {term: number for number, term in enumerate(postings.terms)}
        count, spread = postings.count, np.diff(postings.starts)
        self._starts: list[int] = postings.starts.tolist()
        self._rarity: list[float] = np.log1p((count - spread + 0.5) / (spread + 0.5)).tolist()
        self._standing = lru_cache(maxsize=4096)(self._where_it_stands)
        self._unknown = math.log1p((count + 0.5) / 0.5)

    def _where_it_stands(self, number: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The texts that hold a term, and its worth in them. Parts of the whole: nothing is copied."""
        place = slice(self._starts[number], self._starts[number + 1])
        return self._postings.texts[place], self._postings.worths[place]

    def matches(self, asked: Sequence[str]) -> Matches:
        """Where the asked terms stand, all of them looked up at once."""
        held = self._postings
        numbers = [number for number in map(self._number.get, asked) if number is not None]
        weight = sum([self._rarity[number] for number in numbers]) + self._unknown * (len(asked) - len(numbers))
        if not numbers:
            return Matches(held.texts[:0], held.worths[:0], (), (), weight, held.count)
        texts, worths = zip(*map(self._standing, numbers), strict=True)
        return Matches(
            np.concatenate(texts),
            np.concatenate(worths),
            tuple(accumulate(map(len, texts))),
            tuple([self._rarity[number] for number in numbers]),
            weight,
            held.count,
        )


@dataclass(frozen=True, slots=True)
class Matches:
    """Where the terms of one question stand: term after term, the texts and what it is worth in each. Those of term
    `i` end at `ends[i]`, and its inverse document frequency, as Lucene's BM25 defines it, is `rarities[i]`."""

    texts: NDArray[np.int32]
    worths: NDArray[np.float32]
    ends: Sequence[int]
    rarities: Sequence[float]
    weight: float
    """The rarities of all that was asked together, those that stand nowhere too."""
    count: int

    def scores(self) -> NDArray[np.float32]:
        """BM25 of each text for the asked terms, as a share (0 to 1) of what a perfect text could reach."""
        found = np.bincount(self.texts, self.worths, minlength=self.count)
        return (found / (self.weight or 1.0)).astype(np.float32)

    def coverage(self, at: int) -> float:
        """Share (0 to 1) of the asked terms, weighed by their rarity, that stand in the text at this position."""
        if not self.weight:
            return 0.0
        places: list[int] = (self.texts == at).nonzero()[0].tolist()
        return sum([self.rarities[bisect_right(self.ends, place)] for place in places]) / self.weight
