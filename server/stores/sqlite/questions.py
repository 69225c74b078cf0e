"""What callers asked, in SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from server.models import Asked
from server.stores.base import QUESTIONS_KEPT


def note(db: sqlite3.Connection, text: str, answered: bool, confidence: float, now: float) -> None:
    db.execute(
        "INSERT INTO questions VALUES (?, ?, ?, 1, ?) ON CONFLICT (text) DO UPDATE SET "
        "answered = excluded.answered, confidence = excluded.confidence, count = count + 1, last_at = excluded.last_at",
        (text, answered, confidence, now),
    )
    db.execute(
        "DELETE FROM questions WHERE text IN "
        "(SELECT text FROM questions ORDER BY last_at DESC, text LIMIT -1 OFFSET ?)",
        (QUESTIONS_KEPT,),
    )


def questions(db: sqlite3.Connection, limit: int, answered: bool | None) -> list[Asked]:
    found = db.execute(
        "SELECT * FROM questions WHERE ?1 IS NULL OR answered = ?1 ORDER BY count DESC, last_at DESC, text LIMIT ?2",
        (answered, limit),
    )
    return [Asked(row["text"], bool(row["answered"]), row["confidence"], row["count"], row["last_at"]) for row in found]


def forget(db: sqlite3.Connection, texts: Sequence[str] | None) -> int:
    if texts is None:
        return db.execute("DELETE FROM questions").rowcount
    return sum(db.execute("DELETE FROM questions WHERE text = ?", (text,)).rowcount for text in texts)
