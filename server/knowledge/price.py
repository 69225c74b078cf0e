"""Questions about money and time, and the rows that can answer them."""

from __future__ import annotations

import re
from functools import lru_cache

from server.knowledge.base import Document

_MONEY = (
    r"поч[её]м|цен[аыеу]|ценник|стоит|стоят|стоить|стоимость\w*|обойд[её]\w*|обходится|прайс\w*|рубл\w+|"
    r"каки\w+ деньги|платн\w+"
)
_COST = re.compile(rf"\b(?:{_MONEY})\b")
_QUESTION = re.compile(rf"\b(?:сколько|{_MONEY})\b")
_TIME = re.compile(
    r"\b((сколько |по )?(по )?времени|как долго|долго|длится|длиться|длительность|занима\w+|минут|час(?:а|ов)?)\b"
)
_CHEAP = re.compile(r"\b(по)?деш[её]в\w+|\bнедорог\w*|\bбюджетн\w*")
"""These are looked for in small letters, which takes a third of the time that it takes to ignore which they are."""
_ASKING = re.compile(rf"\b(?:сколько (?:это |будет |у вас )?(?:стоит|стоят|стоить)|сколько|{_MONEY})\b", re.I)
PRICE_COLUMN = re.compile(
    r"(?<!\bв )(?<![^\W\d_])(?:цен(?:[аыеу]|ой|ник\w*)|стоим(?:ост[ьи])?|тариф\w*|прайс\w*)(?![^\W\d_])", re.I
)
"""What a column is called that holds prices: no «Учебный центр», no «Лицензия», no «Входит в стоимость»."""


def asks_price(query: str) -> bool:
    """Whether the caller may want to know a price; a bare «сколько» may also mean time."""
    return _QUESTION.search(query.lower()) is not None


def asks_cost(query: str) -> bool:
    """Whether the words can mean nothing but money."""
    return _COST.search(query.lower()) is not None


def without_price(query: str) -> str:
    """The words that are left when those that ask for a price are taken away."""
    return " ".join((_ASKING.sub(" ", query) if asks_price(query) else query).split())


def asks_duration(query: str) -> bool:
    """Whether the caller wants to know how long it takes."""
    return _TIME.search(query.lower()) is not None


def asks_cheap(query: str) -> bool:
    """Whether the caller looks for what costs less."""
    return _CHEAP.search(query.lower()) is not None


@lru_cache(maxsize=10_000)
def has_price(document: Document) -> bool:
    """Whether it is a row with something in a price column."""
    return any(PRICE_COLUMN.search(column) for column, _ in document.fields)
