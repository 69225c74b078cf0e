"""For whom: what a caller says of the person to be served, and what a price list says of it."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from server.consultant.rows import kind, title
from server.knowledge.base import Document


class Audience(Enum):
    """The value is how one says «для …»."""

    WOMEN = "женщин"
    MEN = "мужчин"
    CHILDREN = "детей"
    ANIMALS = "животных"


SIGNS = {
    Audience.ANIMALS: r"собак\w*|собач\w*|кошк\w*|кошек|кот(?:а|у|ом|ика|ику|ов)?|пс[ау]|щен\w+|пудел\w*|йорк\w*|"
    r"шпиц\w*|питом\w+|животн\w+|хомяк\w*|попуга\w+",
    Audience.CHILDREN: r"дет(?:ск\w+|ей|ям|ьми|и)|реб[её]н\w+|малыш\w*|мальчик\w*|девочк\w*|школьни\w+",
    Audience.MEN: r"мужчин\w*|мужск\w+|мужик\w*|муж(?:у|а|ем)?|парн(?:[яюеи]|[её]м|ей|я[мх]|ями)|парень|дедушк\w+",
    Audience.WOMEN: r"женщин\w*|беременн\w+|женск\w+|жен(?:а|е|у|ы|ой)|мам(?:а|е|у|ы|ой)|"
    r"бабушк\w+|подруг\w*|девушк(?:е|и|у)",
}
_SIGNS = {audience: re.compile(rf"(?<!\bне )\b(?:{words})\b") for audience, words in SIGNS.items()}
_GROWN_UP = re.compile(r"\bвзросл\w+")
_ANYBODY = re.compile(rf"(?<!\bне )\b(?:{'|'.join(SIGNS.values())})\b|{_GROWN_UP.pattern}")
"""These are looked for in small letters, which takes a third of the time that it takes to ignore which they are."""


def audiences(text: str) -> frozenset[Audience]:
    """For whom the words say that it is to be; empty where they do not say."""
    small = text.lower()
    return frozenset(audience for audience, sign in _SIGNS.items() if sign.search(small))


def meant_for(document: Document) -> frozenset[Audience]:
    """For whom the row is, by its name or its group; empty where it may be anybody."""
    return audiences(title(document)) or audiences(kind(document))


def suits(document: Document, text: str) -> bool:
    """Whether the row is not for somebody else than the words speak of. What is for anybody is not for animals."""
    asked, offered = audiences(text), meant_for(document)
    if _GROWN_UP.search(text.lower()) and offered == {Audience.CHILDREN}:
        return False
    if Audience.ANIMALS in asked:
        return Audience.ANIMALS in offered
    return not asked or not offered or bool(asked & offered)


@lru_cache(maxsize=256)
def without_audience(text: str) -> str:
    """The words, in small letters, that are left when those about the person are taken away. Kept for a while: what is
    looked for, and what of it is found, asks for them."""
    return _ANYBODY.sub(" ", text.lower())
