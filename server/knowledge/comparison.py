"""What a new state of the knowledge base makes of the questions that callers really asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from server.knowledge.base import Findings, Knowledge

NOTICED = 0.1
"""Difference of confidence from which on an answer counts as better or worse."""


class Change(StrEnum):
    LOST = "lost"
    """It was answered and is not any more."""
    WORSE = "worse"
    """Answered less surely."""
    OTHER = "other"
    """Answered as surely, by other words."""
    BETTER = "better"
    """Answered more surely."""
    GAINED = "gained"
    """It was not answered and is now."""
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Compared:
    question: str
    count: int
    change: Change
    before: float
    """Confidence of the search in the old state, 0 to 1."""
    after: float
    answer: str
    """What is found first in the new state; empty where nothing is."""


async def compare(
    asked: Sequence[tuple[str, int]], old: Knowledge, new: Knowledge, min_confidence: float
) -> list[Compared]:
    """Each question (with how often it was asked) in both states; what is lost first, what stays the same last."""
    found = [await _compared(text, count, old, new, min_confidence) for text, count in asked]
    order = list(Change)
    return sorted(found, key=lambda one: (order.index(one.change), -one.count))


async def _compared(text: str, count: int, old: Knowledge, new: Knowledge, min_confidence: float) -> Compared:
    before, after = await old.search(text, 1), await new.search(text, 1)
    return Compared(
        text, count, _change(before, after, min_confidence), before.confidence, after.confidence, _answer(after)
    )


def _change(before: Findings, after: Findings, min_confidence: float) -> Change:
    was, now = before.confidence >= min_confidence, after.confidence >= min_confidence
    if was != now:
        return Change.GAINED if now else Change.LOST
    more = after.confidence - before.confidence
    if now and abs(more) >= NOTICED:
        return Change.BETTER if more > 0 else Change.WORSE
    return Change.OTHER if now and _answer(before) != _answer(after) else Change.SAME


def _answer(findings: Findings) -> str:
    return findings.results[0].document.text if findings.results else ""
