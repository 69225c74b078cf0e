"""Which stage of a turn took how long, and which one a message failed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from server.models import Event, Message, State

WAITING, KNOWLEDGE, FIRST_TOKEN, MODEL, TALKME = STAGES = ("waiting", "knowledge", "first_token", "model", "talkme")
"""Stages that are measured. The first token is part of the model's time, all else stands side by side."""
WORKER, OURS = "worker", "ours"
"""What else a message can fail by: workers that died over it, and our own code."""
FIXED = "fixed"
"""Who answers, for people, when no consultant can."""
OWN_CONSULTANTS = ("offline", FIXED)
"""Those that are no model."""
DEAD = (State.FAILED, State.EXPIRED)
SECONDS_OF = {
    "waited": WAITING,
    "knowledge": KNOWLEDGE,
    "first token": FIRST_TOKEN,
    "consultant": MODEL,
    "send": TALKME,
    "finish": TALKME,
}


def latest_try(timeline: Sequence[Event]) -> Sequence[Event]:
    """What happened since the message was last let wait again: what lies before is the time of who repaired it."""
    ends = [at for at, event in enumerate(timeline[:-1]) if event.what in DEAD]
    return timeline[ends[-1] + 1 :] if ends else timeline


def seconds_by_stage(timeline: Sequence[Event]) -> dict[str, float]:
    """Seconds of the stages that the turn had; a stage that it did not have is not in it."""
    seconds: dict[str, float] = defaultdict(float)
    before = timeline[0].at if timeline else 0.0
    for event in timeline:
        stage = SECONDS_OF.get(event.what)
        if event.what == "claimed":
            seconds[WAITING] += max(0.0, event.at - before)
        elif stage and not (stage in (MODEL, FIRST_TOKEN) and event.details.get("by") in OWN_CONSULTANTS):
            seconds[stage] += float(event.details.get("seconds") or 0)
        before = event.at
    return dict(seconds)


def failed_in(message: Message) -> str:
    """The stage that a dead message failed in: `waiting` for one that expired, `worker` or `ours` where
    it was ourselves."""
    return stage_of_failure(message.state, message.reason, latest_try(message.timeline))


def stage_of_failure(state: State, reason: str | None, timeline: Sequence[Event]) -> str:
    """As `failed_in`, by what is known of the latest try.

    A time limit is put down to the stage that used most of it; it begins with the turn, after all waiting.
    """
    reason = reason or ""
    if state is State.EXPIRED:
        return WAITING
    if reason.startswith("customBot"):
        return TALKME
    if reason.startswith("given up"):
        return WORKER
    if reason.startswith("internal error"):
        return OURS
    seconds = seconds_by_stage(timeline)
    for no_part_of_it in (FIRST_TOKEN, WAITING):
        seconds.pop(no_part_of_it, None)
    return max(seconds, key=seconds.__getitem__, default=OURS)
