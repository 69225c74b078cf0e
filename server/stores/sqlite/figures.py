"""Who waits, what the latest turns were like, and when messages came, in SQL."""

from __future__ import annotations

import sqlite3

from server.models import Event, Received, State, Waiting
from server.stores.base import HOURS_KEPT, RECENT_REPLIES
from server.stores.replies import timeline_from_json
from server.stores.sqlite.inbox import WAITING


def waiting(db: sqlite3.Connection, limit: int) -> list[Waiting]:
    """Of each session only the oldest waiting message can be claimed: the claim is its."""
    found = db.execute(
        "SELECT id, user_id, state, waiting_since, attempts, iif(fence != 0 AND id ="
        f" (SELECT min(id) FROM messages AS own WHERE own.user_id = messages.user_id AND {WAITING}),"
        f" worker, NULL) AS worker FROM messages JOIN sessions USING (user_id) WHERE {WAITING}"
        " ORDER BY waiting_since, id LIMIT ?",
        (limit,),
    )
    return [
        Waiting(
            message_id=str(row["id"]),
            user_id=row["user_id"],
            state=State(row["state"]),
            since=row["waiting_since"],
            attempts=row["attempts"],
            worker=row["worker"],
        )
        for row in found
    ]


def recent_timelines(db: sqlite3.Connection, limit: int) -> list[tuple[Event, ...]]:
    found = db.execute(
        "SELECT timeline FROM messages WHERE state = 'sent' ORDER BY id DESC LIMIT ?", (min(limit, RECENT_REPLIES),)
    )
    return [timeline_from_json(row["timeline"]) for row in found if row["timeline"]]


def received(db: sqlite3.Connection) -> Received:
    hours = "SELECT hour, messages, last_at FROM received ORDER BY hour DESC LIMIT ?"
    found = db.execute(hours, (HOURS_KEPT,)).fetchall()
    return Received(found[0]["last_at"] if found else None, {row["hour"]: row["messages"] for row in found})


def forget_hours(db: sqlite3.Connection, now: float) -> None:
    """The latest hour that had messages stays, however long ago: it tells when the last one came."""
    db.execute(
        "DELETE FROM received WHERE hour < ? AND hour < (SELECT max(hour) FROM received)",
        (int(now // 3600) - HOURS_KEPT,),
    )
