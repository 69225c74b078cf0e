"""Names that callers give: «меня зовут Анна» gives Анна, female."""

from __future__ import annotations

import re
from functools import cache

import pymorphy3

from server.consultant.base import RememberClient

WORD = r"[а-яёa-z]+(?:-[а-яёa-z]+)?"
INTRODUCTIONS = [
    re.compile(rf"(?:меня зовут|мо[её] имя|зовите меня)\s+(?P<name>{WORD})", re.IGNORECASE),
    re.compile(rf"\b(?P<name>{WORD})\s+меня зовут", re.IGNORECASE),
    re.compile(
        rf"^(?:(?:здравствуйте|алло|добрый день|да)[\s,.!]+)?(?:это|я)\s+(?P<name>{WORD})"
        rf"(?:\s+\w+(?:ович|евич|ична|овна|евна))?(?=[\s,.!]*(?:звоню|говорит|беспокоит|$))",
        re.IGNORECASE,
    ),
]
"""The first says so whatever the word is; after the others it must be a name: «это дорого», «я хочу»."""
GENDERS = {"femn": "female", "masc": "male"}


def introduced(text: str) -> RememberClient | None:
    """Who the caller says he is, in the nominative; None if he does not say."""
    match = _introduction(text)
    if not match:
        return None
    word = match["name"]
    names = _names(word)
    if not names:
        return RememberClient(word.capitalize())
    first = next((parse for parse in names if "nomn" in parse.tag), names[0])
    return RememberClient(str(first.normal_form).title(), GENDERS.get(str(first.tag.gender)))


def without_introduction(text: str) -> str:
    """What the caller says beside his name."""
    match = _introduction(text)
    return f"{text[: match.start()]} {text[match.end() :]}" if match else text


def _introduction(text: str) -> re.Match[str] | None:
    for at, introduction in enumerate(INTRODUCTIONS):
        match = introduction.search(text)
        if match and (at == 0 or _names(match["name"])):
            return match
    return None


def _names(word: str) -> list[pymorphy3.analyzer.Parse]:
    return [parse for parse in _morphology().parse(word.lower()) if "Name" in parse.tag]


@cache
def _morphology() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer()
