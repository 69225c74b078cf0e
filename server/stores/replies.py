"""A reply as the JSON that engines store, and what a finished message says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import orjson

from server.models import Event, Exchange, FinishCode, Message, Outcome, Reply, State, TranscriptLine

REPLY = tuple(field.name for field in fields(Reply))


def reply_json(reply: Reply) -> str:
    return orjson.dumps(reply).decode()


def reply_from_json(text: str | None) -> Reply | None:
    if text is None:
        return None
    stored = orjson.loads(text)
    known = {name: stored[name] for name in REPLY if name in stored}
    known["parts"] = tuple(stored.get("parts", ()))  # another version may have stored more, or less
    return Reply(**{**known, "finish": finish_of(known.get("finish"))})


def finish_of(code: str | None) -> FinishCode | None:
    """None also for one that only a newer version knows."""
    return FinishCode(code) if code and code in FinishCode.__members__ else None


def timeline_json(timeline: Sequence[Event]) -> str | None:
    """None for an empty one, so that what is stored already stays."""
    events = [[event.at, event.what, dict(event.details)] for event in timeline]
    return orjson.dumps(events).decode() if events else None


def timeline_from_json(text: str | None) -> tuple[Event, ...]:
    return tuple(Event(at, what, details) for at, what, details in orjson.loads(text or "[]"))


def exchange_of(message_id: str, text: str, reply: Reply | None, state: State, ended_at: float) -> Exchange | None:
    """What was said and heard; None if nothing was heard. Of a reply that failed half way it is what had been sent."""
    if reply is None:
        return None
    heard = reply.text if state is State.SENT else " ".join(reply.parts[: reply.sent])
    return Exchange(text, heard, message_id, ended_at) if heard else None


def outcome_of(message: Message) -> Outcome:
    finish = message.reply.finish if message.reply and message.state is State.SENT else None
    return Outcome(message.id, message.state, finish, message.reason)


def cleared(message_id: str) -> Outcome:
    """What became of a message that is not there any more."""
    return Outcome(message_id, State.FAILED, reason="cleared")


def lines_of(message: Message) -> list[TranscriptLine]:
    """What was said in a message's turn: the caller's words, and the reply if there is one."""
    incoming, state, reason = message.incoming, message.state, message.reason
    lines = [
        TranscriptLine("caller", incoming.text, message.accepted_at, state, reason, timeline=message.timeline),
    ]
    if reply := message.reply:
        lines.append(TranscriptLine("consultant", reply.text, message.updated_at, state, reason, reply.original))
    return [replace(line, message_id=message.id) for line in lines]
