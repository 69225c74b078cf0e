"""Abbreviations that a row explains itself: «Лазерная эпиляция | ЛЭ подмышек» is about «Лазерная эпиляция подмышек»."""

from __future__ import annotations

import re
from collections.abc import Sequence

from server.knowledge.base import Document

_ABBREVIATION = re.compile(r"\b[A-ZА-ЯЁ]{2,4}\b")
_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST = 3
"""Letters of a word that an abbreviation may stand for: prepositions give no letter to it."""


def values(document: Document) -> list[str]:
    """The values of a row with the abbreviations written out that the row itself explains; of a text its words."""
    if not document.fields:
        return [document.text]
    told = [value for _, value in document.fields]
    full = {short: words for short in _abbreviations(told) if (words := _stands_for(short, told))}
    return [_ABBREVIATION.sub(lambda found: full.get(found[0], found[0]), value) for value in told] if full else told


def _abbreviations(told: Sequence[str]) -> set[str]:
    return {short for value in told for short in _ABBREVIATION.findall(value)}


def _stands_for(short: str, told: Sequence[str]) -> str | None:
    """Words beside each other whose first letters it is made of."""
    for value in told:
        words = _WORD.findall(value)
        for at in range(len(words) - len(short) + 1):
            run = words[at : at + len(short)]
            if "".join(word[0].upper() for word in run if len(word) >= _SHORTEST) == short:
                return " ".join(run)
    return None
