"""Who waits, what the latest turns were like, and when messages came."""

from __future__ import annotations

from server.models import Event, Message, Received, State, Waiting
from server.stores.base import HOURS_KEPT, RECENT_REPLIES
from server.stores.memory.tables import Tables


def waiting(tables: Tables, limit: int) -> list[Waiting]:
    found = sorted(tables.waiting(), key=lambda message: (message.waiting_since, int(message.id)))
    return [
        Waiting(
            message_id=message.id,
            user_id=message.incoming.user_id,
            state=message.state,
            since=message.waiting_since,
            attempts=message.attempts,
            worker=_holder(tables, message),
        )
        for message in found[:limit]
    ]


def recent_timelines(tables: Tables, limit: int) -> list[tuple[Event, ...]]:
    sent = [message for message in reversed(tables.messages.values()) if message.state == State.SENT]
    return [message.timeline for message in sent[: min(limit, RECENT_REPLIES)] if message.timeline]


def received(tables: Tables) -> Received:
    return Received(tables.last_received, dict(tables.received))


def forget_hours(tables: Tables, now: float) -> None:
    for hour in [hour for hour in tables.received if hour < now // 3600 - HOURS_KEPT]:
        del tables.received[hour]


def _holder(tables: Tables, message: Message) -> str | None:
    """Of each session only the oldest waiting message can be claimed: the claim is its."""
    user_id = message.incoming.user_id
    is_first = tables.waiting_of(user_id)[0] is message
    return tables.holders.get(user_id) if is_first and user_id in tables.fences else None
