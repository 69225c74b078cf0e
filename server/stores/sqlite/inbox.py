"""The inbox in SQL. Each function is one piece of work inside a transaction of the group writer.

A message passes through here four times, and what SQLite made for its statements beside the rows was a quarter of
their cost. So: alternatives with OR, as in the partial indexes, since more than two values of `IN` are made a table of;
no `RETURNING`, which is gathered in one; and OR ROLLBACK for what has triggers, without which a copy of each page is
kept in case that statement alone has to be undone. A constraint that is broken undoes the whole transaction anyway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from server.errors import InboxFull, LeaseLost
from server.models import Accepted, Claim, Event, Exchange, Incoming, Message, Outcome, Quota, Reply, Session, State
from server.stores.base import CROWD, LONGEST_LEASE, StoreLimits
from server.stores.overload import must_be_soon
from server.stores.replies import cleared, exchange_of, reply_from_json, reply_json, timeline_json
from server.stores.sqlite import rows
from server.stores.sqlite.quotas import spend

WAITING = "(state = 'accepted' OR state = 'answering' OR state = 'answered')"
FINISHED = "(state = 'sent' OR state = 'failed' OR state = 'expired')"
HELD = "EXISTS (SELECT 1 FROM sessions WHERE user_id = ? AND fence = ?)"
"""The claim with this fence still holds the session."""
MORE = f"EXISTS (SELECT 1 FROM messages WHERE user_id = :user AND {WAITING})"
"""More messages of the session wait."""


def accept(
    db: sqlite3.Connection, incoming: Incoming, quotas: Sequence[Quota], limits: StoreLimits, now: float
) -> Accepted:
    if incoming.external_id is not None and (first := _same_message(db, incoming)):
        if first["state"] == State.FAILED:
            try_again(db, first, now, incoming.token)
        return Accepted(str(first["id"]), duplicate=True)
    waiting, own = db.execute(
        "SELECT (SELECT value FROM counters WHERE name = 'waiting'),"
        f" (SELECT count(*) FROM messages WHERE user_id = ? AND {WAITING})",
        (incoming.user_id,),
    ).fetchone()
    _must_have_room(db, waiting, limits, now)
    if own >= limits.per_session:
        raise InboxFull(f"{own} messages of this session wait, as many as limits.inbox_per_session allows")
    spend(db, quotas, now)
    _touch_session(db, incoming, limits, now)
    cursor = db.execute(
        "INSERT OR ROLLBACK INTO messages (user_id, session_id, external_id, token, text, phone, name, state,"
        " accepted_at, waiting_since, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'accepted', ?, ?, ?)",
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


def check(db: sqlite3.Connection, limits: StoreLimits, now: float) -> None:
    """Write something: only that shows whether the disk takes it. Raises `InboxFull`."""
    db.execute("UPDATE counters SET value = value + 1 WHERE name = 'checks'")
    _must_have_room(db, db.execute("SELECT value FROM counters WHERE name = 'waiting'").fetchone()[0], limits, now)


def _must_have_room(db: sqlite3.Connection, waiting: int, limits: StoreLimits, now: float) -> None:
    if waiting >= limits.inbox:
        raise InboxFull(f"{waiting} messages wait, as many as limits.inbox allows")
    if waiting >= CROWD:
        since = db.execute("SELECT min(available_at) FROM sessions WHERE available_at IS NOT NULL").fetchone()[0]
        must_be_soon(waiting, now - since if since else 0.0, limits)


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
    _follow_the_clock(db, lease, now)
    available = db.execute(
        "SELECT * FROM sessions WHERE available_at <= ? ORDER BY available_at LIMIT ?", (now, limit)
    ).fetchall()
    if not available:
        return []
    db.execute("UPDATE counters SET value = value + ? WHERE name = 'fence'", (len(available),))
    last = db.execute("SELECT value FROM counters WHERE name = 'fence'").fetchone()[0]
    return [
        _claim_session(db, rows.session(row), worker, lease, history, now, fence)
        for fence, row in enumerate(available, last - len(available) + 1)
    ]


def _follow_the_clock(db: sqlite3.Connection, lease: float, now: float) -> None:
    """After the clock was set back nobody would have sessions whose hour it had passed. What waits may be claimed now;
    what is held stays so for one lease, in which a worker that lives renews it."""
    latest = db.execute("SELECT max(available_at) FROM sessions WHERE available_at IS NOT NULL").fetchone()[0]
    if latest and latest > now + LONGEST_LEASE:
        db.execute(
            "UPDATE sessions SET available_at = iif(fence, :now + :lease, :now) WHERE available_at > :now + :longest",
            {"now": now, "lease": lease, "longest": LONGEST_LEASE},
        )


def _claim_session(
    db: sqlite3.Connection, session: Session, worker: str, lease: float, history: int, now: float, fence: int
) -> Claim:
    oldest = f"FROM messages WHERE user_id = ? AND {WAITING} ORDER BY id LIMIT 1"
    db.execute(
        "UPDATE OR ROLLBACK messages SET state = iif(reply IS NULL, 'answering', 'answered'), attempts = attempts + 1,"
        f" updated_at = ? WHERE id = (SELECT id {oldest})",
        (now, session.user_id),
    )
    claimed = db.execute(f"SELECT * {oldest}", (session.user_id,)).fetchone()
    db.execute(
        "UPDATE sessions SET available_at = ?, fence = ?, worker = ? WHERE user_id = ?",
        (now + lease, fence, worker, session.user_id),
    )
    return Claim(
        rows.message(claimed),
        session,
        _history(db, session, claimed["id"], history) if session.messages_count > 1 else (),
        fence,
        expires_at=now + lease,
    )


def _history(db: sqlite3.Connection, session: Session, before: int, limit: int) -> tuple[Exchange, ...]:
    sent = db.execute(
        "SELECT id, text, reply, state, updated_at FROM messages WHERE user_id = ? AND id < ? AND accepted_at >= ?"
        " AND (state = 'sent' OR (state = 'failed' AND json_extract(reply, '$.sent') > 0))"
        " AND id > (SELECT summarised FROM sessions WHERE user_id = messages.user_id) ORDER BY id DESC LIMIT ?",
        (session.user_id, before, session.conversation_since, limit),
    ).fetchall()
    exchanges = [
        exchange_of(str(row["id"]), row["text"], reply_from_json(row["reply"]), State(row["state"]), row["updated_at"])
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
    cursor = db.execute(
        "UPDATE OR ROLLBACK messages SET state = 'answered', reply = ?, updated_at = ?,"
        f" timeline = coalesce(?, timeline) WHERE id = ? AND {HELD}",
        (reply_json(reply), now, timeline_json(timeline), held.message.id, held.user_id, held.fence),
    )
    if not cursor.rowcount:
        raise _lost(held)


def finish(
    db: sqlite3.Connection, held: Claim, state: State, reason: str | None, timeline: Sequence[Event], now: float
) -> Outcome:
    cursor = db.execute(
        "UPDATE OR ROLLBACK messages SET state = ?, reason = ?, updated_at = ?, timeline = coalesce(?, timeline)"
        f" WHERE id = ? AND {HELD}",
        (state, reason, now, timeline_json(timeline), held.message.id, held.user_id, held.fence),
    )
    if not cursor.rowcount:
        raise _lost(held)
    said = _reply(db, held.message.id) if state is State.SENT else None
    db.execute(
        f"UPDATE sessions SET available_at = iif({MORE}, :now, NULL), fence = 0, last_activity = :now,"
        f" ended = ended OR (:ends AND NOT {MORE}), client_name = coalesce(:name, client_name),"
        " gender = coalesce(:gender, gender), phone_number = coalesce(:phone, phone_number) WHERE user_id = :user",
        {
            "now": now,
            "ends": bool(said and said.finish),
            "name": said and said.client_name,
            "gender": said and said.gender,
            "phone": said and said.phone_number,
            "user": held.user_id,
        },
    )
    if said:
        db.execute(
            "INSERT INTO answered_by VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET replies = replies + 1", (said.by,)
        )
    return Outcome(held.message.id, state, said.finish if said else None, reason)


def _reply(db: sqlite3.Connection, message_id: str) -> Reply | None:
    return reply_from_json(db.execute("SELECT reply FROM messages WHERE id = ?", (message_id,)).fetchone()["reply"])


def _lost(held: Claim) -> LeaseLost:
    return LeaseLost(f"message {held.message.id} belongs to another worker, or was cleared")


def message(db: sqlite3.Connection, message_id: str) -> Message | None:
    row = db.execute("SELECT * FROM messages WHERE id = ?", (message_id,)).fetchone()
    return rows.message(row) if row else None


def outcomes(db: sqlite3.Connection, message_ids: Iterable[str]) -> list[Outcome]:
    """Outcomes of those that are finished or gone."""
    found = db.execute(
        "SELECT asked.value AS id, state, reason, reply FROM json_each(?) AS asked"
        f" LEFT JOIN messages ON messages.id = asked.value WHERE state IS NULL OR {FINISHED}",
        (orjson.dumps(list(message_ids)).decode(),),
    )
    return [_outcome(row) for row in found]


def _outcome(row: sqlite3.Row) -> Outcome:
    if row["state"] is None:
        return cleared(row["id"])
    state = State(row["state"])
    said = reply_from_json(row["reply"]) if state is State.SENT else None
    return Outcome(row["id"], state, said.finish if said else None, row["reason"])
