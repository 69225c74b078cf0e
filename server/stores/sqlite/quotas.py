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
    """Count one in each. Raises `TooMany`; the caller's transaction undoes what was counted until then."""
    if not quotas:
        return
    counts = f"until > ? AND until <= excluded.until + {CLOCKS_DIFFER}"
    found = db.execute(
        f"INSERT INTO quotas VALUES {', '.join(['(?, 1, ?)'] * len(quotas))} ON CONFLICT (key) DO UPDATE SET"
        f" spent = iif({counts}, spent + 1, 1), until = iif({counts}, until, excluded.until)"
        " RETURNING key, spent, until",
        [*(part for quota in quotas for part in (quota.key, now + quota.window)), now, now],
    )
    counted = {key: (spent, until) for key, spent, until in found}  # in an order that nobody promises
    for quota in quotas:
        spent, until = counted[quota.key]
        if spent > quota.limit:
            raise TooMany(quota.name, quota.limit, quota.window, until - now)


def forget_spent(db: sqlite3.Connection, now: float) -> None:
    """Remove what counts no more."""
    db.execute("DELETE FROM quotas WHERE until <= ?", (now,))
