"""Rows of the tables as our models."""

from __future__ import annotations

import sqlite3

from server.models import Incoming, Message, Session, State
from server.stores.replies import reply_from_json, timeline_from_json


def message(row: sqlite3.Row) -> Message:
    incoming = Incoming(
        user_id=row["user_id"],
        session_id=row["session_id"],
        text=row["text"],
        token=row["token"],
        external_id=row["external_id"],
        phone=row["phone"],
        name=row["name"],
    )
    return Message(
        id=str(row["id"]),
        incoming=incoming,
        state=State(row["state"]),
        accepted_at=row["accepted_at"],
        waiting_since=row["waiting_since"],
        updated_at=row["updated_at"],
        attempts=row["attempts"],
        reply=reply_from_json(row["reply"]),
        reason=row["reason"],
        timeline=timeline_from_json(row["timeline"]),
    )


def session(row: sqlite3.Row) -> Session:
    return Session(
        user_id=row["user_id"],
        session_id=row["session_id"],
        created_at=row["created_at"],
        last_activity=row["last_activity"],
        conversation_since=row["conversation_since"],
        messages_count=row["messages_count"],
        client_name=row["client_name"],
        gender=row["gender"],
        phone_number=row["phone_number"],
        ended=bool(row["ended"]),
        summary=row["summary"],
    )
