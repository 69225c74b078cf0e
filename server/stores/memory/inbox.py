"""The inbox: what comes in, and what waits there again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from server.errors import InboxFull
from server.models import Accepted, Incoming, Message, Quota, Session, State
from server.stores.base import StoreLimits
from server.stores.memory.quotas import spend
from server.stores.memory.tables import Tables
from server.stores.overload import must_be_soon


def accept(tables: Tables, incoming: Incoming, quotas: Sequence[Quota], limits: StoreLimits, now: float) -> Accepted:
    if first := _same_message(tables, incoming):
        if first.state == State.FAILED:
            try_again(tables, first, now, incoming.token)
        return Accepted(first.id, duplicate=True)
    must_have_room(tables, limits, now)
    own = len(tables.waiting_of(incoming.user_id))
    if own >= limits.per_session:
        raise InboxFull(f"{own} messages of this session wait, as many as limits.inbox_per_session allows")
    spend(tables, quotas, now)
    _touch_session(tables, incoming, limits, now)
    message = Message(str(next(tables.message_ids)), incoming, State.ACCEPTED, now, now, now)
    tables.put(message)
    tables.received[int(now // 3600)] += 1
    tables.last_received = now
    tables.offer(incoming.user_id, now)
    return Accepted(message.id)


def must_have_room(tables: Tables, limits: StoreLimits, now: float) -> None:
    """Raises `InboxFull`."""
    if (waiting := len(tables.waiting())) >= limits.inbox:
        raise InboxFull(f"{waiting} messages wait, as many as limits.inbox allows")
    must_be_soon(waiting, now - min(tables.available.values(), default=now), limits)


def try_again(tables: Tables, message: Message, now: float, token: str | None = None) -> None:
    """A dead message waits again; with the `token` of its latest delivery, since the old one may be why it failed."""
    user_id = message.incoming.user_id
    state = State.ANSWERED if message.reply else State.ACCEPTED
    incoming = replace(message.incoming, token=token or message.incoming.token)
    again = replace(message, incoming=incoming, state=state, attempts=0, reason=None)
    tables.put(replace(again, waiting_since=now, updated_at=now))
    tables.sessions[user_id] = replace(tables.sessions[user_id], last_activity=now)
    tables.offer(user_id, now)


def _same_message(tables: Tables, incoming: Incoming) -> Message | None:
    if incoming.external_id is None:
        return None
    known = (each for each in tables.of_user(incoming.user_id) if each.incoming.external_id == incoming.external_id)
    return next(known, None)


def _touch_session(tables: Tables, incoming: Incoming, limits: StoreLimits, now: float) -> None:
    old = tables.sessions.get(incoming.user_id) or Session(
        incoming.user_id, incoming.session_id, created_at=now, last_activity=now, conversation_since=now
    )
    fresh = old.ended or old.last_activity < now - limits.session_idle
    tables.sessions[incoming.user_id] = replace(
        old,
        session_id=incoming.session_id,
        last_activity=now,
        conversation_since=now if fresh else old.conversation_since,
        summary=None if fresh else old.summary,
        ended=False,
        messages_count=old.messages_count + 1,
        client_name=incoming.name or old.client_name,
        phone_number=incoming.phone or old.phone_number,
    )
