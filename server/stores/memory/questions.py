"""What callers asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from server.models import Asked, Question
from server.stores.base import QUESTIONS_KEPT
from server.stores.memory.tables import Tables


def note(tables: Tables, question: Question, now: float) -> None:
    text = question.text
    if question.user_id not in tables.sessions:
        return
    tables.askers.setdefault(question.user_id, Counter())[text] += 1
    known = tables.questions.pop(text, None)
    count = known.count + 1 if known else 1
    tables.questions[text] = Asked(text, question.answered, question.confidence, count, now)
    while len(tables.questions) > QUESTIONS_KEPT:
        forget(tables, [next(iter(tables.questions))])


def forget_asker(tables: Tables, user_id: str) -> None:
    """Take away what this user has asked; what others have asked too stays, counted without him."""
    for text, count in tables.askers.pop(user_id, Counter()).items():
        if (known := tables.questions.pop(text, None)) and known.count > count:
            tables.questions[text] = replace(known, count=known.count - count)


def questions(tables: Tables, limit: int, answered: bool | None) -> list[Asked]:
    found = [one for one in tables.questions.values() if answered in (None, one.answered)]
    return sorted(found, key=lambda one: (-one.count, -one.last_at, one.text))[:limit]


def forget(tables: Tables, texts: Sequence[str] | None) -> int:
    asked_for = list(tables.questions) if texts is None else dict.fromkeys(texts)
    there = [text for text in asked_for if text in tables.questions]
    for text in there:
        del tables.questions[text]
        for asked in tables.askers.values():
            asked.pop(text, None)
    return len(there)
