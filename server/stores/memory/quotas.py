"""How much of each quota is spent: by this process alone, since no other one sees its memory."""

from __future__ import annotations

from collections.abc import Sequence

from server.errors import TooMany
from server.models import Quota
from server.stores.memory.tables import Tables


def spend(tables: Tables, quotas: Sequence[Quota], now: float) -> None:
    """Count one in each, or in none. Raises `TooMany`."""
    tables.spent = {key: (count, until) for key, (count, until) in tables.spent.items() if until > now}
    for quota in quotas:
        count, until = tables.spent.get(quota.key, (0, 0.0))
        if count >= quota.limit:
            raise TooMany(quota.name, quota.limit, quota.window, until - now)
    for quota in quotas:
        count, until = tables.spent.get(quota.key, (0, now + quota.window))
        tables.spent[quota.key] = count + 1, until
