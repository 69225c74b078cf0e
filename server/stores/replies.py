"""A reply as the JSON that engines store, and what a finished message says of it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from server.models import FinishCode, Message, Outcome, Reply, State, TranscriptLine


def reply_json(reply: Reply) -> str:
    return json.dumps(asdict(reply), ensure_ascii=False)


def reply_from_json(text: str | None) -> Reply | None:
    if text is None:
        return None
    stored = json.loads(text)
    known = {field.name: stored.get(field.name) for field in fields(Reply)}  # a newer version may have stored more
    return Reply(**{**known, "finish": FinishCode(known["finish"]) if known["finish"] else None})


def outcome_of(message: Message) -> Outcome:
    finish = message.reply.finish if message.reply and message.state is State.SENT else None
    return Outcome(message.id, message.state, finish, message.reason)


def cleared(message_id: str) -> Outcome:
    """What became of a message that is not there any more."""
    return Outcome(message_id, State.FAILED, reason="cleared")


def lines_of(message: Message) -> list[TranscriptLine]:
    """What was said in a message's turn: the caller's words, and the reply if there is one."""
    lines = [TranscriptLine("caller", message.incoming.text, message.accepted_at, message.state, message.reason)]
    if message.reply:
        lines.append(
            TranscriptLine("consultant", message.reply.text, message.updated_at, message.state, message.reason)
        )
    return lines
