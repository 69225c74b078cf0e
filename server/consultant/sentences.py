"""Sentences of a text that is still being written."""

from __future__ import annotations

import re

END = re.compile(r"(?<![.!?…])[.!?…]++[»\")\]]*+(?=\s)|\n")
MARK = re.compile(r"[.!?…\n]")
"""Without one of these there is no end: a model's pieces are words, and most are looked at no closer."""
BEFORE_NAMES = frozenset(re.findall(r"\w+", "ул пр просп пер пл бул наб г д им тел стр кв корп оф каб т напр см ст м"))
"""Abbreviations that something follows, if it begins with a capital letter or not: «ул. Козлова»."""
UNITS = frozenset(re.findall(r"\w+", "руб р коп мин ч сек мес бел шт др"))
"""Abbreviations that may end a sentence: they do if a capital letter follows."""
LAST_WORD = re.compile(r"([^\W\d_]+)\.$")
LONGER = 8
"""Characters at the end of which no abbreviation begins: only so many are looked at for one."""


class Sentences:
    """Takes text in pieces and gives back the sentences that are complete.

    A sentence is complete when its end is followed by white space and the beginning of the next one.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._marked = False
        self._decided = 0
        """Up to here there is no end in the rest, whatever follows."""

    def add(self, piece: str) -> list[str]:
        self._rest += piece
        if not self._marked and not MARK.search(piece):
            return []
        found = []
        while (end := self._end()) is not None:
            sentence, self._rest, self._decided = self._rest[:end].strip(), self._rest[end:].lstrip(), 0
            if sentence:
                found.append(sentence)
        self._marked = MARK.search(self._rest) is not None
        return found

    def rest(self) -> list[str]:
        """What is left when nothing more follows."""
        sentence, self._rest = self._rest.strip(), ""
        return [sentence] if sentence else []

    def _end(self) -> int | None:
        for end in END.finditer(self._rest, self._decided):
            following = self._rest[end.end() :].lstrip(" \t")
            if not following:  # what comes next decides
                return None
            if end[0] == "\n" or not self._is_abbreviation(self._rest[: end.end()], following):
                return end.end()
            self._decided = end.end()
        return None

    @staticmethod
    def _is_abbreviation(text: str, following: str) -> bool:
        word = LAST_WORD.search(text, max(0, len(text) - LONGER))
        if text.rstrip(".")[-1:].isdigit() and re.fullmatch(r"\d+\.", text.strip()):
            return True  # the number of an item in a list
        if not word:
            return False
        last = word[1].lower()
        if last in BEFORE_NAMES or (len(last) == 1 and word[1].isupper()):
            return True
        return last in UNITS and not following[0].isupper()
