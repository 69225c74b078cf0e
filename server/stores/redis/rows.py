"""Hashes of Redis as our models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.models import Claim, Exchange, Incoming, Message, Session, State
from server.stores.replies import reply_from_json

Hash = Mapping[str, str]


def message(fields: Hash) -> Message:
    incoming = Incoming(
        user_id=fields["user_id"],
        session_id=fields["session_id"],
        text=fields["text"],
        token=fields["token"],
        external_id=fields.get("external_id"),
        phone=fields.get("phone"),
        name=fields.get("name"),
    )
    return Message(
        id=fields["id"],
        incoming=incoming,
        state=State(fields["state"]),
        accepted_at=float(fields["accepted_at"]),
        updated_at=float(fields["updated_at"]),
        attempts=int(fields["attempts"]),
        reply=reply_from_json(fields.get("reply")),
        reason=fields.get("reason"),
    )


def session(fields: Hash) -> Session:
    return Session(
        user_id=fields["user_id"],
        session_id=fields["session_id"],
        created_at=float(fields["created_at"]),
        last_activity=float(fields["last_activity"]),
        conversation_since=float(fields["conversation_since"]),
        messages_count=int(fields["messages_count"]),
        client_name=fields.get("client_name"),
        gender=fields.get("gender"),
        phone_number=fields.get("phone_number"),
        ended=fields["ended"] == "1",
    )


def claim(answer: Mapping[str, Any], expires_at: float) -> Claim:
    exchanges = [(said["text"], reply_from_json(said.get("reply"))) for said in answer["history"]]
    history = tuple(Exchange(text, reply.text) for text, reply in exchanges if reply)
    return Claim(message(answer["message"]), session(answer["session"]), history, int(answer["fence"]), expires_at)
