"""Leases: who holds which session, and what he writes while he holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from server.errors import LeaseLost
from server.models import Claim, Event, Exchange, Message, Reply, Session, State
from server.stores.base import LONGEST_LEASE
from server.stores.memory.tables import Tables
from server.stores.replies import exchange_of, outcome_of


def due(tables: Tables, lease: float, now: float) -> list[str]:
    """Users whose sessions may be claimed, in the order in which they became available."""
    for user_id, at in tables.available.items():
        if at > now + LONGEST_LEASE:  # the clock was set back: whoever lives renews within a lease
            tables.available[user_id] = now + lease if user_id in tables.fences else now
    return [user_id for at, user_id in sorted((at, user_id) for user_id, at in tables.available.items() if at <= now)]


def claim(tables: Tables, user_id: str, worker: str, lease: float, history: int, now: float) -> Claim:
    """The oldest waiting message of a session that is due."""
    message = tables.waiting_of(user_id)[0]
    state = State.ANSWERED if message.reply else State.ANSWERING
    message = replace(message, state=state, attempts=message.attempts + 1, updated_at=now)
    tables.put(message)
    fence, ends = next(tables.next_fence), now + lease
    tables.fences[user_id], tables.available[user_id], tables.holders[user_id] = fence, ends, worker
    session = tables.sessions[user_id]
    return Claim(message, session, _history(tables, session, message, history), fence, ends)


def renew(tables: Tables, claims: Sequence[Claim], lease: float, now: float) -> list[Claim]:
    held = [claim for claim in claims if _holds(tables, claim)]
    for claim in held:
        tables.available[claim.user_id] = now + lease
    return [replace(claim, expires_at=now + lease) for claim in held]


def release(tables: Tables, claims: Sequence[Claim], now: float) -> None:
    for claim in claims:
        if _holds(tables, claim):
            message = tables.messages[claim.message.id]
            state = State.ANSWERED if message.reply else State.ACCEPTED
            tables.put(replace(message, state=state, attempts=message.attempts - 1))
            _let_go(tables, claim)
            tables.offer(claim.user_id, now)


def save_reply(tables: Tables, claim: Claim, reply: Reply, timeline: Sequence[Event], now: float) -> None:
    _must_hold(tables, claim)
    message = tables.messages[claim.message.id]
    kept = tuple(timeline) or message.timeline
    tables.put(replace(message, state=State.ANSWERED, reply=reply, updated_at=now, timeline=kept))


def finish(
    tables: Tables, claim: Claim, state: State, reason: str | None, timeline: Sequence[Event], now: float
) -> None:
    _must_hold(tables, claim)
    message = tables.messages[claim.message.id]
    kept = tuple(timeline) or message.timeline
    message = replace(message, state=state, reason=reason, updated_at=now, timeline=kept)
    tables.put(message)
    tables.finished[state] += 1
    _let_go(tables, claim)
    if more := bool(tables.waiting_of(claim.user_id)):
        tables.offer(claim.user_id, now)
    said = message.reply if state == State.SENT else None
    _keep_what_was_said(tables, claim.user_id, said, more, now)
    if said:
        tables.answered_by[said.by] += 1
    tables.outcomes.tell(outcome_of(message))


def _keep_what_was_said(tables: Tables, user_id: str, said: Reply | None, more: bool, now: float) -> None:
    """`said`: the reply that was sent, if one was; `more`: other messages of the session wait."""
    session = tables.sessions[user_id]
    tables.sessions[user_id] = replace(
        session,
        last_activity=now,
        ended=session.ended or bool(said and said.finish and not more),
        client_name=(said and said.client_name) or session.client_name,
        gender=(said and said.gender) or session.gender,
        phone_number=(said and said.phone_number) or session.phone_number,
    )


def _history(tables: Tables, session: Session, before: Message, limit: int) -> tuple[Exchange, ...]:
    said = [
        message
        for message in tables.of_user(session.user_id)
        if tables.summarised.get(session.user_id, 0) < int(message.id) < int(before.id)
        and message.state in {State.SENT, State.FAILED}
        and message.accepted_at >= session.conversation_since
    ]
    found = (exchange_of(each.id, each.incoming.text, each.reply, each.state, each.updated_at) for each in said)
    exchanges = [exchange for exchange in found if exchange]
    return tuple(exchanges[-limit:]) if limit else ()


def _let_go(tables: Tables, claim: Claim) -> None:
    del tables.fences[claim.user_id], tables.available[claim.user_id]


def _holds(tables: Tables, claim: Claim) -> bool:
    return tables.fences.get(claim.user_id) == claim.fence


def _must_hold(tables: Tables, claim: Claim) -> None:
    if not _holds(tables, claim):
        raise LeaseLost(f"message {claim.message.id} belongs to another worker, or was cleared")
