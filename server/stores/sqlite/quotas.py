"""How much of each quota is spent, in SQL: counted in the transaction that accepts a message, so for all processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from server.errors import TooMany
from server.models import Quota

CLOCKS_DIFFER = 60
"""Seconds. A window that ends later by more was begun by a clock that has been put back since: it counts no more. By
less it may, since a process looks at the clock before it waits for the others' transactions."""


def spend(db: sqlite3.Connection, quotas: Sequence[Quota], now: float) -> None:
    """Count one in each. Raises `TooMany` before anything is counted."""
    if not quotas:
        return
    asked = " UNION ALL ".join(["SELECT * FROM quotas WHERE key = ?"] * len(quotas))
    known = {key: (spent, until) for key, spent, until in db.execute(asked, [quota.key for quota in quotas])}
    counted: list[tuple[str, int, float]] = []
    for quota in quotas:
        spent, until = known.get(quota.key, (0, 0.0))
        ends = now + quota.window
        if not now < until <= ends + CLOCKS_DIFFER:
            spent, until = 0, ends
        if spent >= quota.limit:
            raise TooMany(quota.name, quota.limit, quota.window, until - now)
        counted.append((quota.key, spent + 1, until))
    db.executemany(
        "INSERT INTO quotas VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET spent = excluded.spent, until = excluded.until",
        counted,
    )


def forget_spent(db: sqlite3.Connection, now: float) -> None:
    """Remove what counts no more."""
    db.execute("DELETE FROM quotas WHERE until <= ?", (now,))
