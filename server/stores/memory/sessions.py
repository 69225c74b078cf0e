"""Sessions: the conversations, how they are cleared and grow old, and the figures over all of them."""

from __future__ import annotations

from dataclasses import replace

from server.models import Session, State, Swept, Totals, TranscriptLine
from server.stores.base import StoreLimits
from server.stores.memory.figures import forget_hours
from server.stores.memory.questions import forget_asker
from server.stores.memory.tables import Tables
from server.stores.replies import cleared, lines_of

LATEST_REPLIES = 1000
"""Replies that the latency figures look at."""


def sessions(tables: Tables, limit: int, active_since: float | None, offset: int) -> list[Session]:
    found = [each for each in tables.sessions.values() if active_since is None or _active(each, active_since)]
    return sorted(found, key=lambda session: -session.last_activity)[offset : offset + limit]


def transcript(tables: Tables, user_id: str) -> list[TranscriptLine]:
    return [line for message in tables.of_user(user_id) for line in lines_of(message)]


def known_by_phone(tables: Tables, phone: str, user_id: str) -> Session | None:
    others = (each.incoming for each in reversed(tables.messages.values()) if each.incoming.user_id != user_id)
    known = (tables.sessions[other.user_id] for other in others if other.phone == phone)
    return next((session for session in known if session.client_name), None)


def save_summary(tables: Tables, session: Session, summary: str, until: str) -> None:
    current = tables.sessions.get(session.user_id)
    if current and current.conversation_since == session.conversation_since:
        tables.sessions[session.user_id] = replace(current, summary=summary)
        tables.summarised[session.user_id] = int(until)


def clear_session(tables: Tables, user_id: str) -> bool:
    for message in tables.of_user(user_id):
        del tables.messages[message.id]
        if not message.state.finished:
            tables.outcomes.tell(cleared(message.id))
    forget_asker(tables, user_id)
    tables.available.pop(user_id, None)
    tables.fences.pop(user_id, None)
    tables.summarised.pop(user_id, None)
    return tables.sessions.pop(user_id, None) is not None


def clear_sessions(tables: Tables) -> int:
    return sum([clear_session(tables, user_id) for user_id in list(tables.sessions)])


def sweep(tables: Tables, limits: StoreLimits, now: float) -> Swept:
    closed = _close_idle(tables, now - limits.session_idle)
    messages = _remove_messages(tables, now - limits.retention)
    silent = _remove_silent(tables, now - limits.retention)
    forget_hours(tables, now)
    return Swept(closed, messages, silent)


def _close_idle(tables: Tables, before: float) -> int:
    idle = [
        session
        for session in tables.sessions.values()
        if not session.ended and session.last_activity < before and session.user_id not in tables.available
    ]
    for session in idle:
        tables.sessions[session.user_id] = replace(session, ended=True)
    return len(idle)


def _remove_messages(tables: Tables, before: float) -> int:
    old = [each for each in tables.messages.values() if each.state.finished and each.updated_at < before]
    for message in old:
        del tables.messages[message.id]
    return len(old)


def _remove_silent(tables: Tables, before: float) -> int:
    talking = {message.incoming.user_id for message in tables.messages.values()}
    silent = [
        session.user_id
        for session in tables.sessions.values()
        if session.last_activity < before and session.user_id not in talking
    ]
    for user_id in silent:  # what they asked stays, and not that it was they
        del tables.sessions[user_id]
        tables.askers.pop(user_id, None)
    return len(silent)


def totals(tables: Tables, active_since: float) -> Totals:
    waiting = tables.waiting()
    sent = [message for message in tables.messages.values() if message.state == State.SENT][-LATEST_REPLIES:]
    return Totals(
        total_sessions=len(tables.sessions),
        active_sessions=sum(_active(session, active_since) for session in tables.sessions.values()),
        messages_processed=tables.finished[State.SENT],
        errors=tables.finished[State.FAILED],
        queue_depth=len(waiting),
        oldest_waiting_since=min((message.waiting_since for message in waiting), default=None),
        latencies=tuple(sorted(message.updated_at - message.waiting_since for message in sent)),
        answered_by=dict(tables.answered_by),
        expired=tables.finished[State.EXPIRED],
    )


def _active(session: Session, since: float) -> bool:
    return session.last_activity >= since and not session.ended
