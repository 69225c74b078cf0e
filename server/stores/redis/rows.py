"""Hashes of Redis as our models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from server.models import Claim, Incoming, Message, Session, State, Waiting, Worker
from server.stores.replies import exchange_of, reply_from_json, timeline_from_json

Hash = Mapping[str, str]


def message(hash_: Hash) -> Message:
    incoming = Incoming(
        user_id=hash_["user_id"],
        session_id=hash_["session_id"],
        text=hash_["text"],
        token=hash_["token"],
        external_id=hash_.get("external_id"),
        phone=hash_.get("phone"),
        name=hash_.get("name"),
    )
    return Message(
        id=hash_["id"],
        incoming=incoming,
        state=State(hash_["state"]),
        accepted_at=float(hash_["accepted_at"]),
        waiting_since=float(hash_["waiting_since"]),
        updated_at=float(hash_["updated_at"]),
        attempts=int(hash_["attempts"]),
        reply=reply_from_json(hash_.get("reply")),
        reason=hash_.get("reason"),
        timeline=timeline_from_json(hash_.get("timeline")),
    )


def session(hash_: Hash) -> Session:
    return Session(
        user_id=hash_["user_id"],
        session_id=hash_["session_id"],
        created_at=float(hash_["created_at"]),
        last_activity=float(hash_["last_activity"]),
        conversation_since=float(hash_["conversation_since"]),
        messages_count=int(hash_["messages_count"]),
        client_name=hash_.get("client_name"),
        gender=hash_.get("gender"),
        phone_number=hash_.get("phone_number"),
        ended=hash_["ended"] == "1",
        summary=hash_.get("summary"),
    )


def waiting(fields: Sequence[str], worker: str | None) -> Waiting:
    """`fields`: id, user_id, state, waiting_since and attempts of a message's hash."""
    message_id, user_id, state, since, attempts = fields
    return Waiting(message_id, user_id, State(state), float(since), int(attempts), worker)


def worker(text: str) -> Worker:
    """A report; what a newer program says beside what we know is left out."""
    known = {field.name for field in fields(Worker)}
    return Worker(**{name: value for name, value in json.loads(text).items() if name in known})


def claim(answer: Mapping[str, Any], expires_at: float) -> Claim:
    exchanges = [
        exchange_of(
            said["id"],
            said["text"],
            reply_from_json(said.get("reply")),
            State(said["state"]),
            float(said["ended_at"]),
        )
        for said in answer["history"]
    ]
    history = tuple(filter(None, exchanges))
    return Claim(message(answer["message"]), session(answer["session"]), history, int(answer["fence"]), expires_at)
