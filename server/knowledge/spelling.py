"""Misheard and misspelt words, put right by the words that the knowledge base knows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from difflib import SequenceMatcher

from server.knowledge.words import is_known, lemma_of, lemmas, pieces, words

ALIKE = 0.8
"""Likeness (0 to 1, difflib's ratio) from which on a word is taken for another: «маникур» and «маникюр» have 0.86."""
SHORTEST = 5
"""Letters of a word that can be put right: shorter ones are alike by chance."""
_CANDIDATES = 10
_LONGEST_RUN = 3
"""Words into which one may fall apart: «крио липа лис»."""


class Spelling:
    """The vocabulary of a knowledge base. Immutable once built; safe to use from several threads."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._known = {lemma for text in texts for lemma in lemmas(text) if lemma.isalpha()}
        self._having: dict[str, list[str]] = defaultdict(list)
        for word in sorted(self._known):
            for piece in set(pieces(word)):
                self._having[piece].append(word)

    def mended(self, query: str) -> str:
        """The query with the words that nobody knows replaced; the same query where there are none."""
        left = words(query)
        mended: list[str] = []
        while left:
            runs = [left[:length] for length in range(1, min(_LONGEST_RUN, len(left)) + 1)]
            (likeness, meant), run = max((self._meant(run), run) for run in runs)
            if not likeness:
                meant, run = left[0], left[:1]
            mended.append(meant)
            left = left[len(run) :]
        return query if mended == words(query) else " ".join(mended)

    def _meant(self, run: list[str]) -> tuple[float, str]:
        """The word that was heard as these, and how like it is; likeness 0 where they can stand as they are."""
        forms = [lemma_of(word) for word in run]
        heard = lemma_of("".join(run))
        if len(run) > 1 and all(forms) and heard in self._known:
            return 1.0, heard
        if not all(forms) or any(form in self._known for form in forms):
            return 0.0, ""
        if len(heard) < SHORTEST or (len(run) == 1 and is_known(run[0])):
            return 0.0, ""
        return self._most_alike(heard)

    def _most_alike(self, heard: str) -> tuple[float, str]:
        shared = Counter(word for piece in set(pieces(heard)) for word in self._having.get(piece, ()))
        candidates = [word for word, _ in shared.most_common(_CANDIDATES)]
        likeness, word = max(((_likeness(heard, word), word) for word in candidates), default=(0.0, ""))
        return (likeness, word) if likeness >= ALIKE else (0.0, "")


def _likeness(heard: str, word: str) -> float:
    return SequenceMatcher(None, heard, word).ratio()
