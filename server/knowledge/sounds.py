"""How words sound, for words that speech recognition has written as it heard them.

Latin words are read as a Russian reads them («AirTouch» as «аиртач»), short ones also by the names of their letters
(«LPG» as «элпиджи»). Two keys of a word are compared: its spelling without what cannot be heard, and a rough one in
which all vowels are alike and so are voiced and voiceless consonants.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

_NAMES = {
    "a": "эй", "b": "би", "c": "си", "d": "ди", "e": "и", "f": "эф", "g": "джи", "h": "эйч", "i": "ай", "j": "джей",
    "k": "кей", "l": "эл", "m": "эм", "n": "эн", "o": "о", "p": "пи", "q": "кью", "r": "эр", "s": "эс", "t": "ти",
    "u": "ю", "v": "ви", "w": "дабл", "x": "экс", "y": "уай", "z": "зет",
}  # fmt: skip
_SPELLED = 4
"""Letters of a Latin word that may be said letter by letter."""
_GROUPS = {
    "ph": "ф", "sh": "ш", "ch": "ч", "th": "т", "oo": "у", "ee": "и", "ou": "а", "ck": "к", "qu": "кв", "ce": "се",
    "ci": "си", "cy": "си", "x": "кс",
}  # fmt: skip
_LETTERS = str.maketrans("abcdefghijklmnopqrstuvwyz", "абкдефгхижклмнопкрстуввиз")
_LATIN = re.compile(r"[a-z]+")
_ROUGH = str.maketrans("бвгджзшщцхоуиыэюяеё", "пфктссссск" + "а" * 9, "ьъй")
_FINE = str.maketrans("оэыяю", "аииау")
_DOUBLED = re.compile(r"(.)\1+")


def said(word: str) -> list[str]:
    """The ways to say a word, in small Russian letters; a Russian word is said as it is written."""
    if not _LATIN.fullmatch(word):
        return [word]
    read = word
    for group, letter in _GROUPS.items():
        read = read.replace(group, letter)
    ways = [read.translate(_LETTERS)]
    if len(word) <= _SPELLED:
        ways.append("".join(_NAMES[letter] for letter in word))
    return ways


class Sounds:
    """Words by their sound. Immutable once built."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words` are small, of any length."""
        ways = [(way, word) for word in words for way in said(word)]
        self._words = [word for _, word in ways]
        self._fine = [_fine(way) for way, _ in ways]
        self._rough = [_rough(way) for way, _ in ways]

    def nearest(self, heard: str) -> tuple[float, str]:
        """The word that sounds most like what was heard, and how much so (0 to 1); ("", 0) where there are no words."""
        if not self._words:
            return 0.0, ""
        likeness = (_likeness(_fine(heard), self._fine) + _likeness(_rough(heard), self._rough)) / 200
        best = int(likeness.argmax())
        return float(likeness[best]), self._words[best]


def _likeness(key: str, keys: Sequence[str]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = process.cdist([key], keys, scorer=fuzz.ratio)[0]
    return found


def _rough(word: str) -> str:
    return _DOUBLED.sub(r"\1", word.translate(_ROUGH))


def _fine(word: str) -> str:
    return _DOUBLED.sub(r"\1", word.translate(_FINE))
