"""Dead letters in SQL."""

from __future__ import annotations

import sqlite3

from server.models import Message
from server.stores.sqlite import rows
from server.stores.sqlite.inbox import try_again

DEAD = "('failed', 'expired')"


def dead(db: sqlite3.Connection, limit: int, since: float | None, *, oldest_first: bool = False) -> list[Message]:
    order = "updated_at, id" if oldest_first else "updated_at DESC, id DESC"
    found = db.execute(
        f"SELECT * FROM messages WHERE state IN {DEAD} AND updated_at >= ? ORDER BY {order} LIMIT ?",
        (since or 0.0, limit),
    )
    return [rows.message(row) for row in found]


def retry(db: sqlite3.Connection, message_id: str, now: float) -> bool:
    row = db.execute(f"SELECT * FROM messages WHERE id = ? AND state IN {DEAD}", (message_id,)).fetchone()
    if row:
        try_again(db, row, now)
    return row is not None


def drop(db: sqlite3.Connection, message_id: str) -> bool:
    return db.execute(f"DELETE FROM messages WHERE id = ? AND state IN {DEAD}", (message_id,)).rowcount > 0
