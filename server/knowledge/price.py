"""Questions about money, and the rows that can answer them."""

from __future__ import annotations

import re

from server.knowledge.base import Document

_QUESTION = re.compile(
    r"\b(сколько|поч[её]м|цен[аыеу]|ценник|стоит|стоят|стоимость\w*|обойд[её]тся|прайс\w*|рубл\w+)\b", re.I
)
_COLUMN = re.compile(r"цен|стоим|тариф|прайс", re.I)


def asks_price(query: str) -> bool:
    """Whether the caller may want to know a price; a bare «сколько» may also mean time."""
    return _QUESTION.search(query) is not None


def has_price(document: Document) -> bool:
    """Whether it is a row with something in a price column."""
    return any(_COLUMN.match(column) for column, _ in document.fields)
