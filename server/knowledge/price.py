"""Questions about money and time, and the rows that can answer them."""

from __future__ import annotations

import re

from server.knowledge.base import Document

_QUESTION = re.compile(
    r"\b(сколько|поч[её]м|цен[аыеу]|ценник|стоимость\w*|обойд[её]тся|прайс\w*|рубл\w+|каки\w+ деньги|платн\w+)\b", re.I
)
_TIME = re.compile(
    r"\b(сколько (по )?времени|как долго|долго|длится|длительность|занима\w+|минут|час(?:а|ов)?)\b", re.I
)
_CHEAP = re.compile(r"\b(по)?дешевл\w+|\bнедорог\w*|\bбюджетн\w*", re.I)
_COLUMN = re.compile(r"цен|стоим|тариф|прайс", re.I)


def asks_price(query: str) -> bool:
    """Whether the caller may want to know a price; a bare «сколько» may also mean time."""
    return _QUESTION.search(query) is not None


def asks_duration(query: str) -> bool:
    """Whether the caller wants to know how long it takes."""
    return _TIME.search(query) is not None


def asks_cheap(query: str) -> bool:
    """Whether the caller looks for what costs less."""
    return _CHEAP.search(query) is not None


def has_price(document: Document) -> bool:
    """Whether it is a row with something in a price column."""
    return any(_COLUMN.match(column) for column, _ in document.fields)
