"""From the timeline of a message to the stage that took the time, and the words for the one that failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iteira_cli.documents import Happened, Message

QUEUE, KNOWLEDGE, MODEL, TALKME, OURS = "queue", "knowledge", "model", "TalkMe", "store and our code"
BEHIND = "waiting behind another message"
GIVEN_UP = "given up, until it was tried again"
DEAD = ("failed", "expired")
OFFLINE = ("offline", "fixed")
"""Consultants that are our own code."""

FAILED_IN = {
    "waiting": "The queue",
    "knowledge": "Knowledge",
    "model": "Model",
    "talkme": "TalkMe",
    "worker": "A worker that died or stalled",
    "ours": "Our code",
}
"""Words for the stages as the daemon calls them."""

WITHOUT_ANSWER: dict[object, str] = {"failed": "failed", "not asked": "was not asked"}


def moment(happened: Happened) -> float:
    """Unix seconds."""
    return datetime.fromisoformat(happened["at"]).timestamp()


def spent(timeline: Sequence[Happened]) -> dict[str, float]:
    """Seconds by stage, most first. Waiting for a worker, after a dead one too, is the queue's; not so the time behind
    an earlier message of the session, nor that after which a person let a message wait again that was given up."""
    if not timeline:
        return {}
    seconds: dict[str, float] = defaultdict(float)
    for before, happened in pairwise([timeline[0], *timeline]):
        own = float(happened["details"].get("seconds") or 0)
        if happened["event"] in ("waited", "claimed"):
            idle = moment(happened) - moment(before) - own
            seconds[GIVEN_UP if before["event"] in DEAD else QUEUE] += max(0.0, idle)
        if stage := stage_of(happened):
            seconds[stage] += own
    whole = moment(timeline[-1]) - moment(timeline[0])
    seconds[OURS] += max(0.0, whole - sum(seconds.values()))
    return dict(sorted(seconds.items(), key=lambda stage: -stage[1]))


def stage_of(happened: Happened) -> str | None:
    """The stage that an event with a duration belongs to."""
    match happened["event"]:
        case "waited":
            return BEHIND
        case "knowledge":
            return KNOWLEDGE
        case "consultant":
            return OURS if happened["details"].get("by") in OFFLINE else MODEL
        case "send" | "finish":
            return TALKME
    return None


def sentence(message: Message, now: float, behind: str | None = None) -> str:
    """What became of the message, and which stage took the time or failed.

    `behind`: the earlier message of its session that is not finished, if there is one: its turn comes after that."""
    state, reason, timeline = message["state"], message["reason"], message["timeline"]
    match state:
        case "sent":
            return _answered(message)
        case "expired":
            return f"The queue is to blame: {reason}. No worker was free, or none was there."
        case "failed":
            stage = FAILED_IN.get(message.get("failed_in") or "")
            return f"{stage} is to blame: {reason}." if stage else f"It failed: {reason}."
    age = now - datetime.fromisoformat(message["waiting_since"]).timestamp()
    return f"Not finished after {_said(age)}: {_under_way(state, timeline, behind)}."


def _answered(message: Message) -> str:
    seconds = spent(message["timeline"])
    if not seconds:
        return "Answered; there is no timeline of it."
    stage, most = next(iter(seconds.items()))
    whole = sum(seconds.values())
    by = f" by {message['answered_by']}" if message["answered_by"] else ""
    given_up = f"for {_said(most)} of that it was {GIVEN_UP}"
    blamed = given_up if stage == GIVEN_UP else f"{stage} took most of it, {_said(most)}"
    return f"Answered{by} within {_said(whole)}; {blamed}.{_remark(message['timeline'])}"


def _remark(timeline: Sequence[Happened]) -> str:
    """What went wrong on the way though it ended well."""
    wrong = [
        f"{details.get('by')} {WITHOUT_ANSWER[outcome]} ({details.get('reason')})"
        for details in (happened["details"] for happened in timeline if happened["event"] == "consultant")
        if (outcome := details.get("outcome")) in WITHOUT_ANSWER
    ]
    given_up = sum(happened["event"] in DEAD for happened in timeline)
    lost = sum(happened["event"] == "claimed" for happened in timeline) - given_up - 1
    if lost > 0:
        wrong.append(f"{lost} {'worker' if lost == 1 else 'workers'} lost it before")
    if given_up:
        wrong.append(f"it was given up {'once' if given_up == 1 else f'{given_up} times'} and tried again")
    return f" On the way: {'; '.join(wrong)}." if wrong else ""


def _under_way(state: str, timeline: Sequence[Happened], behind: str | None) -> str:
    match state:
        case "accepted" if behind:
            return f"it waits for message {behind} of the same session (`iteira why {behind}`)"
        case "accepted":
            return "it waits in the queue for a worker (`iteira stats` shows how many there are)"
        case "answered":
            return "its reply is stored and on its way to TalkMe"
    return "a worker has it, and is waiting for knowledge or model" if timeline else "a worker composes the reply"


def _said(seconds: float) -> str:
    from iteira_cli.output import duration

    return duration(seconds)
