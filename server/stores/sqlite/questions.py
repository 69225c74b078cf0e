"""What callers asked, in SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from server.models import Asked, Question
from server.stores.base import QUESTIONS_KEPT


def note(db: sqlite3.Connection, question: Question, now: float) -> None:
    text, user_id = question.text, question.user_id
    if not db.execute("SELECT 1 FROM sessions WHERE user_id = ?", (user_id,)).fetchone():
        return
    db.execute(
        "INSERT INTO questions VALUES (?, ?, ?, 1, ?) ON CONFLICT (text) DO UPDATE SET answered = excluded.answered,"
        " confidence = excluded.confidence, count = count + 1, last_at = excluded.last_at",
        (text, question.answered, question.confidence, now),
    )
    db.execute(
        "INSERT INTO askers VALUES (?, ?, 1) ON CONFLICT (user_id, text) DO UPDATE SET count = count + 1",
        (user_id, text),
    )
    count = db.execute("SELECT count FROM questions WHERE text = ?", (text,)).fetchone()["count"]
    if count == 1:  # only a new one makes them more; from the oldest on, so that nothing is sorted that stays
        old = db.execute(
            "SELECT text FROM questions ORDER BY last_at, text DESC LIMIT max(0, (SELECT count(*) FROM questions) - ?)",
            (QUESTIONS_KEPT,),
        )
        forget(db, [row["text"] for row in old.fetchall()])


def forget_asker(db: sqlite3.Connection, user_id: str) -> None:
    """Take away what this user has asked; what others have asked too stays, counted without him."""
    for asked in db.execute("SELECT text, count FROM askers WHERE user_id = ?", (user_id,)).fetchall():
        db.execute("UPDATE questions SET count = count - ? WHERE text = ?", (asked["count"], asked["text"]))
        db.execute("DELETE FROM questions WHERE text = ? AND count <= 0", (asked["text"],))
    db.execute("DELETE FROM askers WHERE user_id = ?", (user_id,))


def questions(db: sqlite3.Connection, limit: int, answered: bool | None) -> list[Asked]:
    found = db.execute(
        "SELECT * FROM questions WHERE ?1 IS NULL OR answered = ?1 ORDER BY count DESC, last_at DESC, text LIMIT ?2",
        (answered, limit),
    )
    return [Asked(row["text"], bool(row["answered"]), row["confidence"], row["count"], row["last_at"]) for row in found]


def forget(db: sqlite3.Connection, texts: Sequence[str] | None) -> int:
    if texts is None:
        db.execute("DELETE FROM askers")
        return db.execute("DELETE FROM questions").rowcount
    db.executemany("DELETE FROM askers WHERE text = ?", ((text,) for text in texts))
    return sum(db.execute("DELETE FROM questions WHERE text = ?", (text,)).rowcount for text in texts)
