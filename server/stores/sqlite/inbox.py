"""The inbox in SQL. Each function is one piece of work inside a transaction of the group writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from server.errors import InboxFull, LeaseLost
from server.models import Accepted, Claim, Event, Exchange, Incoming, Message, Outcome, Reply, Session, State
from server.stores.base import StoreLimits
from server.stores.replies import cleared, exchange_of, outcome_of, reply_from_json, reply_json, timeline_json
from server.stores.sqlite import rows

WAITING = "('accepted', 'answering', 'answered')"
FINISHED = "('sent', 'failed', 'expired')"


def accept(db: sqlite3.Connection, incoming: Incoming, limits: StoreLimits, now: float) -> Accepted:
    if incoming.external_id is not None and (first := _same_message(db, incoming)):
        if first["state"] == State.FAILED:
            try_again(db, first, now, incoming.token)
        return Accepted(str(first["id"]), duplicate=True)
    _must_have_room(db, limits)
    own = db.execute(
        f"SELECT count(*) FROM messages WHERE user_id = ? AND state IN {WAITING}", (incoming.user_id,)
    ).fetchone()[0]
    if own >= limits.per_session:
        raise InboxFull(f"{own} messages of this session wait, as many as limits.inbox_per_session allows")
    _touch_session(db, incoming, limits, now)
    cursor = db.execute(
        "INSERT INTO messages (user_id, session_id, external_id, token, text, phone, name, state, accepted_at,"
        " waiting_since, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'accepted', ?, ?, ?)",
        (
            incoming.user_id,
            incoming.session_id,
            incoming.external_id,
            incoming.token,
            incoming.text,
            incoming.phone,
            incoming.name,
            now,
            now,
            now,
        ),
    )
    return Accepted(str(cursor.lastrowid))


def check(db: sqlite3.Connection, limits: StoreLimits) -> None:
    """Write something: only that shows whether the disk takes it. Raises `InboxFull`."""
    db.execute("UPDATE counters SET value = value + 1 WHERE name = 'checks'")
    _must_have_room(db, limits)


def _must_have_room(db: sqlite3.Connection, limits: StoreLimits) -> None:
    waiting = db.execute("SELECT value FROM counters WHERE name = 'waiting'").fetchone()[0]
    if waiting >= limits.inbox:
        raise InboxFull(f"{waiting} messages wait, as many as limits.inbox allows")


def _same_message(db: sqlite3.Connection, incoming: Incoming) -> sqlite3.Row | None:
    found: sqlite3.Row | None = db.execute(
        "SELECT * FROM messages WHERE user_id = ? AND external_id = ?",
        (incoming.user_id, incoming.external_id),
    ).fetchone()
    return found


def try_again(db: sqlite3.Connection, message: sqlite3.Row, now: float, token: str | None = None) -> None:
    """A dead message waits again; with the `token` of its latest delivery, since the old one may be why it failed."""
    db.execute(
        "UPDATE messages SET state = iif(reply IS NULL, 'accepted', 'answered'), waiting_since = ?, updated_at = ?,"
        " reason = NULL, attempts = 0, token = coalesce(?, token) WHERE id = ?",
        (now, now, token, message["id"]),
    )
    db.execute(
        "UPDATE sessions SET last_activity = ?, available_at = coalesce(available_at, ?) WHERE user_id = ?",
        (now, now, message["user_id"]),
    )


def _touch_session(db: sqlite3.Connection, incoming: Incoming, limits: StoreLimits, now: float) -> None:
    db.execute(
        "INSERT INTO sessions (user_id, session_id, created_at, last_activity, conversation_since, messages_count,"
        " client_name, phone_number, available_at) VALUES (:user, :session, :now, :now, :now, 1, :name, :phone, :now)"
        " ON CONFLICT (user_id) DO UPDATE SET"
        " session_id = :session, last_activity = :now, messages_count = messages_count + 1,"
        " conversation_since = iif(ended OR last_activity < :idle_since, :now, conversation_since),"
        " summary = iif(ended OR last_activity < :idle_since, NULL, summary), ended = 0,"
        " client_name = coalesce(:name, client_name), phone_number = coalesce(:phone, phone_number),"
        " available_at = coalesce(available_at, :now)",
        {
            "user": incoming.user_id,
            "session": incoming.session_id,
            "name": incoming.name,
            "phone": incoming.phone,
            "now": now,
            "idle_since": now - limits.session_idle,
        },
    )


def claim(db: sqlite3.Connection, worker: str, lease: float, limit: int, history: int, now: float) -> list[Claim]:
    available = db.execute(
        "SELECT * FROM sessions WHERE available_at <= ? ORDER BY available_at LIMIT ?", (now, limit)
    ).fetchall()
    return [_claim_session(db, rows.session(row), worker, lease, history, now) for row in available]


def _claim_session(
    db: sqlite3.Connection, session: Session, worker: str, lease: float, history: int, now: float
) -> Claim:
    row = db.execute(
        f"SELECT id FROM messages WHERE user_id = ? AND state IN {WAITING} ORDER BY id LIMIT 1",
        (session.user_id,),
    ).fetchone()
    claimed = db.execute(
        "UPDATE messages SET state = iif(reply IS NULL, 'answering', 'answered'), attempts = attempts + 1,"
        " updated_at = ? WHERE id = ? RETURNING *",
        (now, row["id"]),
    ).fetchone()
    fence = db.execute("UPDATE counters SET value = value + 1 WHERE name = 'fence' RETURNING value").fetchone()[0]
    db.execute(
        "UPDATE sessions SET available_at = ?, fence = ?, worker = ? WHERE user_id = ?",
        (now + lease, fence, worker, session.user_id),
    )
    return Claim(
        rows.message(claimed),
        session,
        _history(db, session, row["id"], history),
        fence,
        expires_at=now + lease,
    )


def _history(db: sqlite3.Connection, session: Session, before: int, limit: int) -> tuple[Exchange, ...]:
    sent = db.execute(
        "SELECT id, text, reply, state FROM messages WHERE user_id = ? AND id < ? AND accepted_at >= ?"
        " AND (state = 'sent' OR (state = 'failed' AND json_extract(reply, '$.sent') > 0))"
        " AND id > (SELECT summarised FROM sessions WHERE user_id = messages.user_id) ORDER BY id DESC LIMIT ?",
        (session.user_id, before, session.conversation_since, limit),
    ).fetchall()
    exchanges = [
        exchange_of(str(row["id"]), row["text"], reply_from_json(row["reply"]), State(row["state"]))
        for row in reversed(sent)
    ]
    return tuple(filter(None, exchanges))


def renew(db: sqlite3.Connection, claims: Sequence[Claim], lease: float, now: float) -> list[Claim]:
    renewed = []
    for held in claims:
        cursor = db.execute(
            "UPDATE sessions SET available_at = ? WHERE user_id = ? AND fence = ?",
            (now + lease, held.user_id, held.fence),
        )
        if cursor.rowcount:
            renewed.append(replace(held, expires_at=now + lease))
    return renewed


def release(db: sqlite3.Connection, claims: Sequence[Claim], now: float) -> None:
    for held in claims:
        cursor = db.execute(
            "UPDATE sessions SET available_at = ?, fence = 0 WHERE user_id = ? AND fence = ?",
            (now, held.user_id, held.fence),
        )
        if cursor.rowcount:
            db.execute(
                "UPDATE messages SET state = iif(reply IS NULL, 'accepted', 'answered'), attempts = attempts - 1"
                " WHERE id = ?",
                (held.message.id,),
            )


def save_reply(db: sqlite3.Connection, held: Claim, reply: Reply, timeline: Sequence[Event], now: float) -> None:
    _must_hold(db, held)
    db.execute(
        "UPDATE messages SET state = 'answered', reply = ?, updated_at = ?, timeline = coalesce(?, timeline)"
        " WHERE id = ?",
        (reply_json(reply), now, timeline_json(timeline), held.message.id),
    )


def finish(
    db: sqlite3.Connection, held: Claim, state: State, reason: str | None, timeline: Sequence[Event], now: float
) -> Outcome:
    _must_hold(db, held)
    row = db.execute(
        "UPDATE messages SET state = ?, reason = ?, updated_at = ?, timeline = coalesce(?, timeline) WHERE id = ?"
        " RETURNING *",
        (state, reason, now, timeline_json(timeline), held.message.id),
    ).fetchone()
    finished = rows.message(row)
    said = finished.reply if state is State.SENT else None
    more = db.execute(
        f"SELECT 1 FROM messages WHERE user_id = ? AND state IN {WAITING} LIMIT 1",
        (held.user_id,),
    ).fetchone()
    db.execute(
        "UPDATE sessions SET available_at = ?, fence = 0, last_activity = ?, ended = ?,"
        " client_name = coalesce(?, client_name), gender = coalesce(?, gender),"
        " phone_number = coalesce(?, phone_number) WHERE user_id = ?",
        (
            now if more else None,
            now,
            bool(said and said.finish and not more),
            said and said.client_name,
            said and said.gender,
            said and said.phone_number,
            held.user_id,
        ),
    )
    if said:
        db.execute(
            "INSERT INTO answered_by VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET replies = replies + 1", (said.by,)
        )
    return outcome_of(finished)


def _must_hold(db: sqlite3.Connection, held: Claim) -> None:
    if not db.execute("SELECT 1 FROM sessions WHERE user_id = ? AND fence = ?", (held.user_id, held.fence)).fetchone():
        raise LeaseLost(f"message {held.message.id} belongs to another worker, or was cleared")


def message(db: sqlite3.Connection, message_id: str) -> Message | None:
    row = db.execute("SELECT * FROM messages WHERE id = ?", (message_id,)).fetchone()
    return rows.message(row) if row else None


def outcomes(db: sqlite3.Connection, message_ids: Iterable[str]) -> list[Outcome]:
    """Outcomes of those that are finished or gone."""
    found = []
    for message_id in message_ids:
        known = message(db, message_id)
        if known is None:
            found.append(cleared(message_id))
        elif known.state.finished:
            found.append(outcome_of(known))
    return found
