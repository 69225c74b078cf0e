"""Misheard and misspelt words, put right by the words that the knowledge base knows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache

from server.knowledge import words as language
from server.knowledge.sounds import Sounds
from server.knowledge.words import is_known, lemma_of, part_of_speech

ALIKE = 0.78
"""Likeness of sound (0 to 1) from which on a word that no dictionary has is taken for one of the knowledge base:
«батекс» and «ботокс» have 0.92, «автос» and «aptos» 0.80."""
ALIKE_KNOWN = 0.92
"""The same for words of the language, which are mostly meant as they are: «буквальный» for «буккальный» has 0.94."""
ALIKE_SHORT = 0.84
"""The same for what has fewer than `SHORTEST` letters: it is alike by chance more easily."""
SHORTEST = 5
_LONGEST_RUN = 4
"""Words into which one may fall apart: «крио липа лис», «эл пи джи»."""
_NAMING = frozenset({"NOUN", "ADJF", "ADJS", ""})
"""Parts of speech of words that name a service; only these are misheard in a way that matters."""

Vocabulary = Mapping[str, str]
"""The words of a knowledge base: dictionary form to the first form in which it stands there."""


def vocabulary(texts: Iterable[str]) -> Vocabulary:
    """The words of these texts that say something about a subject."""
    found: dict[str, str] = {}
    for text in texts:
        for word in language.words_as_written(text):
            lemma = lemma_of(language.plain(word))
            if lemma and word.isalpha():
                found.setdefault(lemma, word)
    return found


class Spelling:
    """Puts questions right by a vocabulary. Immutable once built; safe to use from several threads."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._known = vocabulary
        self._sounds = Sounds([lemma for lemma in vocabulary if part_of_speech(lemma) in _NAMING])
        self._likeliest = lru_cache(maxsize=5000)(self._likeliest_of)
        self._meant = lru_cache(maxsize=5000)(self._meant_by)
        self._stands = lru_cache(maxsize=20_000)(self._is_spoken_of)

    def mended(self, query: str) -> str:
        """The query with misheard words replaced; the same query where there are none."""
        heard = language.words(query)
        strange = [not self._stands(word) for word in heard]
        mended: list[str] = []
        at = 0
        while at < len(heard):
            end = at
            while end < min(at + _LONGEST_RUN, len(heard)) and strange[end]:
                end += 1
            word, length = self._likeliest(tuple(heard[at:end])) if end > at else ("", 0)
            mended.append(word if length else heard[at])
            at += length or 1
        return query if mended == heard else " ".join(mended)

    def _likeliest_of(self, words: tuple[str, ...]) -> tuple[str, int]:
        """What was heard as the first of these words, or as the first few, and how many they are; 0 for none."""
        runs = [words[:length] for length in range(1, len(words) + 1)]
        (likeness, word), run = max((self._meant(run), run) for run in runs)
        return (word, len(run)) if likeness else ("", 0)

    def _is_spoken_of(self, word: str) -> bool:
        """Whether the knowledge base has it: then it was not misheard, nor is it a part of another word."""
        return len(word) > 2 and language.dictionary_form(word) in self._known

    def _meant_by(self, run: tuple[str, ...]) -> tuple[float, str]:
        """The word that was heard as these, none of which the knowledge base has, and how like it is; likeness 0 where
        they can stand as they are."""
        if not all(map(str.isalpha, run)) or _is_small(run[-1]):
            return 0.0, ""
        joined = "".join(run)
        if len(run) > 1 and self._falls_apart(run, joined):
            return 1.0, self._known[lemma_of(joined)]
        if _is_small(run[0]) or (len(run) == 1 and is_known(joined) and part_of_speech(joined) not in _NAMING):
            return 0.0, ""
        return self._most_alike(joined, _needed(run, joined))

    def _falls_apart(self, run: tuple[str, ...], joined: str) -> bool:
        """«маник юр» is one word. Where the first is a small one, «на личном», only a name can be: «не мига»."""
        meant = self._known.get(lemma_of(joined), "")
        return bool(meant) and (not _is_small(run[0]) or (meant[0].isupper() and not is_known(joined)))

    def _most_alike(self, heard: str, needed: float) -> tuple[float, str]:
        forms = {heard, lemma_of(heard) or heard}
        likeness, lemma = max(self._sounds.nearest(form) for form in forms)
        return (likeness, self._known[lemma]) if likeness >= needed else (0.0, "")


def _is_small(word: str) -> bool:
    """Whether it is a function word of the language, or says nothing but that one asks."""
    return is_known(word) and not lemma_of(word)


def _needed(run: tuple[str, ...], joined: str) -> float:
    """The likeness that is asked for."""
    strange = any(not is_known(word) or len(word) <= 2 for word in run)
    if len(joined) < SHORTEST:
        return ALIKE_SHORT if strange and len(joined) > 2 else math.inf
    return ALIKE if strange else ALIKE_KNOWN
