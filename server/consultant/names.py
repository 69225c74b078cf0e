"""Names that callers give: «меня зовут Анна» gives Анна, female."""

from __future__ import annotations

import re
from functools import cache

import pymorphy3

from server.consultant.base import RememberClient

INTRODUCTION = re.compile(r"(?:меня зовут|мо[её] имя|зовите меня)\s+([а-яёa-z]+(?:-[а-яёa-z]+)?)", re.IGNORECASE)
GENDERS = {"femn": "female", "masc": "male"}


def introduced(text: str) -> RememberClient | None:
    """Who the caller says he is, in the nominative; None if he does not say."""
    match = INTRODUCTION.search(text)
    if not match:
        return None
    word = match.group(1)
    names = [parse for parse in _morphology().parse(word.lower()) if "Name" in parse.tag]
    if not names:
        return RememberClient(word.capitalize())
    first = next((parse for parse in names if "nomn" in parse.tag), names[0])
    return RememberClient(str(first.normal_form).title(), GENDERS.get(str(first.tag.gender)))


def without_introduction(text: str) -> str:
    """What the caller says beside his name."""
    return INTRODUCTION.sub(" ", text)


@cache
def _morphology() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer()
