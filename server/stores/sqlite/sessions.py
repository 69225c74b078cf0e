"""Sessions, totals and workers in SQL."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from server.models import Session, Swept, Totals, TranscriptLine, Worker
from server.stores.base import StoreLimits
from server.stores.counts import growth
from server.stores.replies import lines_of
from server.stores.sqlite import rows
from server.stores.sqlite.figures import forget_hours
from server.stores.sqlite.inbox import FINISHED, WAITING
from server.stores.sqlite.questions import forget_asker
from server.stores.sqlite.quotas import forget_spent

LATEST_REPLIES = 1000
"""Replies that the latency figures look at."""
SWEPT_AT_ONCE = 500
"""Rows of a kind that one round of housekeeping touches: it must not hold up callers."""


def session(db: sqlite3.Connection, user_id: str) -> Session | None:
    row = db.execute("SELECT * FROM sessions WHERE user_id = ?", (user_id,)).fetchone()
    return rows.session(row) if row else None


def sessions(db: sqlite3.Connection, limit: int, active_since: float | None, offset: int) -> list[Session]:
    found = db.execute(
        "SELECT * FROM sessions WHERE :since IS NULL OR (last_activity >= :since AND NOT ended)"
        " ORDER BY last_activity DESC LIMIT :limit OFFSET :offset",
        {"since": active_since, "limit": limit, "offset": offset},
    )
    return [rows.session(row) for row in found]


def transcript(db: sqlite3.Connection, user_id: str) -> list[TranscriptLine]:
    found = db.execute("SELECT * FROM messages WHERE user_id = ? ORDER BY id", (user_id,))
    return [line for row in found for line in lines_of(rows.message(row))]


def known_by_phone(db: sqlite3.Connection, phone: str, user_id: str) -> Session | None:
    row = db.execute(
        "SELECT sessions.* FROM messages JOIN sessions USING (user_id) WHERE messages.phone = ? AND user_id != ?"
        " AND client_name IS NOT NULL ORDER BY messages.id DESC LIMIT 1",
        (phone, user_id),
    ).fetchone()
    return rows.session(row) if row else None


def save_summary(db: sqlite3.Connection, session: Session, summary: str, until: str) -> None:
    db.execute(
        "UPDATE sessions SET summary = ?, summarised = ? WHERE user_id = ? AND conversation_since = ?",
        (summary, int(until), session.user_id, session.conversation_since),
    )


def clear_session(db: sqlite3.Connection, user_id: str) -> bool:
    forget_asker(db, user_id)
    db.execute("DELETE FROM messages WHERE user_id = ?", (user_id,))
    return db.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,)).rowcount > 0


def clear_sessions(db: sqlite3.Connection) -> int:
    for asker in db.execute("SELECT DISTINCT user_id FROM askers").fetchall():
        forget_asker(db, asker["user_id"])
    db.execute("DELETE FROM messages WHERE true")  # the condition keeps the triggers at work
    return db.execute("DELETE FROM sessions WHERE true").rowcount


def sweep(db: sqlite3.Connection, limits: StoreLimits, now: float) -> Swept:
    closed = db.execute(
        "UPDATE sessions SET ended = 1 WHERE user_id IN (SELECT user_id FROM sessions"
        " WHERE NOT ended AND last_activity < ? AND available_at IS NULL LIMIT ?)",
        (now - limits.session_idle, SWEPT_AT_ONCE),
    ).rowcount
    messages = db.execute(
        "DELETE FROM messages WHERE id IN (SELECT id FROM messages"
        f" WHERE updated_at < ? AND {FINISHED} ORDER BY updated_at LIMIT ?)",
        (now - limits.retention, SWEPT_AT_ONCE),
    ).rowcount
    silent = db.execute(
        "DELETE FROM sessions WHERE user_id IN (SELECT user_id FROM sessions WHERE last_activity < ?"
        " AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.user_id = sessions.user_id) LIMIT ?)",
        (now - limits.retention, SWEPT_AT_ONCE),
    ).rowcount
    if silent:  # what they asked stays, and not that it was they
        db.execute("DELETE FROM askers WHERE user_id NOT IN (SELECT user_id FROM sessions)")
    forget_hours(db, now)
    forget_spent(db, now)
    return Swept(closed, messages, silent)


def totals(db: sqlite3.Connection, active_since: float) -> Totals:
    counters = dict(db.execute("SELECT name, value FROM counters").fetchall())
    total, active = db.execute(
        "SELECT count(*), coalesce(sum(last_activity >= ? AND NOT ended), 0) FROM sessions", (active_since,)
    ).fetchone()
    latencies = db.execute(
        "SELECT updated_at - waiting_since FROM messages WHERE state = 'sent' ORDER BY id DESC LIMIT ?",
        (LATEST_REPLIES,),
    )
    oldest = db.execute(f"SELECT min(waiting_since) FROM messages WHERE {WAITING}").fetchone()[0]
    answered_by = dict(db.execute("SELECT name, replies FROM answered_by").fetchall())
    return Totals(
        total_sessions=total,
        active_sessions=active,
        messages_processed=counters["sent"],
        errors=counters["failed"],
        queue_depth=counters["waiting"],
        oldest_waiting_since=oldest,
        latencies=tuple(sorted(row[0] for row in latencies)),
        answered_by=answered_by,
        expired=counters["expired"],
    )


def report(db: sqlite3.Connection, worker: Worker) -> None:
    known = db.execute("SELECT counts FROM workers WHERE id = ?", (worker.id,)).fetchone()
    before = json.loads(known["counts"]) if known else {}
    db.executemany(
        "INSERT INTO counted VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        growth(before, worker.counts).items(),
    )
    told = {name: json.dumps(dict(getattr(worker, name))) for name in ("refused", "gauges", "counts")}
    db.execute(
        "INSERT OR REPLACE INTO workers"
        " (id, pid, host, started_at, seen_at, turns, consultant, refused, cpu, memory, gauges, counts) VALUES"
        " (:id, :pid, :host, :started_at, :seen_at, :turns, :consultant, :refused, :cpu, :memory, :gauges, :counts)",
        {**asdict(worker), **told},
    )
    db.execute("DELETE FROM workers WHERE seen_at < ?", (worker.seen_at - 86_400,))


def leave(db: sqlite3.Connection, worker_id: str) -> None:
    db.execute("DELETE FROM workers WHERE id = ?", (worker_id,))


def workers(db: sqlite3.Connection, seen_since: float) -> list[Worker]:
    found = db.execute(
        "SELECT id, pid, host, started_at, seen_at, turns, consultant, refused, cpu, memory, gauges FROM workers"
        " WHERE seen_at >= ? ORDER BY started_at, id",
        (seen_since,),
    )
    return [
        Worker(**{**dict(row), "refused": json.loads(row["refused"]), "gauges": json.loads(row["gauges"])})
        for row in found
    ]


def counted(db: sqlite3.Connection) -> dict[str, float]:
    return {row["name"]: row["value"] for row in db.execute("SELECT name, value FROM counted")}
