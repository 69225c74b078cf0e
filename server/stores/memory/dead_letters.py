"""Dead letters: messages that were not answered."""

from __future__ import annotations

from server.models import Message, State
from server.stores.memory.inbox import try_again
from server.stores.memory.tables import Tables

DEAD = {State.FAILED, State.EXPIRED}


def dead(tables: Tables, limit: int, since: float | None, *, oldest_first: bool) -> list[Message]:
    found = [each for each in tables.messages.values() if each.state in DEAD and each.updated_at >= (since or 0)]
    return sorted(found, key=lambda message: (message.updated_at, int(message.id)), reverse=not oldest_first)[:limit]


def retry(tables: Tables, message_id: str, now: float) -> bool:
    message = _dead(tables, message_id)
    if message:
        try_again(tables, message, now)
    return message is not None


def drop(tables: Tables, message_id: str) -> bool:
    message = _dead(tables, message_id)
    if message:
        del tables.messages[message.id]
    return message is not None


def _dead(tables: Tables, message_id: str) -> Message | None:
    message = tables.messages.get(message_id)
    return message if message and message.state in DEAD else None
