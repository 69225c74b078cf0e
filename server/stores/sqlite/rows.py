"""Rows of the tables as our models, and replies as JSON."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from server.models import FinishCode, Incoming, Message, Outcome, Reply, Session, State


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
        updated_at=row["updated_at"],
        attempts=row["attempts"],
        reply=reply(row["reply"]),
        reason=row["reason"],
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
    )


def outcome(row: sqlite3.Row) -> Outcome:
    stored = reply(row["reply"])
    finish = stored.finish if stored and row["state"] == State.SENT else None
    return Outcome(str(row["id"]), State(row["state"]), finish, row["reason"])


def reply(text: str | None) -> Reply | None:
    if text is None:
        return None
    fields = json.loads(text)
    finish = fields.pop("finish")
    return Reply(**fields, finish=FinishCode(finish) if finish else None)


def reply_json(reply: Reply) -> str:
    return json.dumps(asdict(reply), ensure_ascii=False)
