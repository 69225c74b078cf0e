"""`iteira why`: the story of a message, and who is to blame."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from .documents import DETAIL
from .scripted_daemon import ScriptedDaemon
from .terminal import iteira

START = 1_763_800_000


def at(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).isoformat()


def happened(after: float, event: str, /, **details: object) -> dict[str, Any]:
    return {"at": at(after), "event": event, "details": details}


TIMELINE = [
    happened(0, "accepted"),
    happened(0.5, "claimed", by="w1", attempt=1),
    happened(0.6, "knowledge", rows=5, confidence=0.9, seconds=0.1),
    happened(4.6, "consultant", by="openai", outcome="answered", seconds=4.0),
    happened(5.6, "send", outcome="taken", attempts=2, seconds=1.0),
    happened(5.7, "sent"),
]
MESSAGE: dict[str, Any] = {
    "id": "7",
    "user_id": "xI4WylKDvtas",
    "state": "sent",
    "reason": None,
    "failed_in": None,
    "attempts": 1,
    "answered_by": "openai",
    "accepted_at": at(0),
    "waiting_since": at(0),
    "updated_at": at(5.7),
    "timeline": TIMELINE,
}


def verdict(daemon: ScriptedDaemon, **message: object) -> str:
    daemon.answers["GET /webhook/talkme/message/7"] = (200, MESSAGE | message)
    shown = iteira("why", "7", "--json", "--url", daemon.url)
    assert shown.returncode == 0, shown.stderr
    return str(json.loads(shown.stdout)["verdict"])


def test_the_stage_that_took_the_time_is_named(daemon: ScriptedDaemon) -> None:
    assert verdict(daemon) == "Answered by openai within 5.7 s; model took most of it, 4.0 s."


def test_the_story_is_told_step_by_step(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /webhook/talkme/message/7"] = (200, MESSAGE)
    lines = [" ".join(line.split()) for line in iteira("why", "7", "--url", daemon.url).stdout.splitlines()]
    assert "600 ms knowledge rows 5, confidence 0.9, 100 ms" in lines
    assert "model 4.0 s" in lines
    assert "queue 500 ms" in lines


def test_a_session_means_its_latest_message(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /webhook/talkme/session/anna"] = (200, DETAIL)
    latest = DETAIL["transcript"][-1]["message_id"]
    daemon.answers[f"GET /webhook/talkme/message/{latest}"] = (200, MESSAGE)
    assert iteira("why", "anna", "--url", daemon.url).returncode == 0


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            {"failed_in": "talkme", "reason": "customBot/send: HTTP 500"},
            "TalkMe is to blame: customBot/send: HTTP 500.",
        ),
        ({"failed_in": "worker", "reason": "given up: 5 died"}, "A worker that died or stalled is to blame: given up"),
        ({"failed_in": "ours", "reason": "internal error: KeyError"}, "Our code is to blame: internal error"),
        ({"failed_in": "model", "reason": "not done within 30 s"}, "Model is to blame: not done within 30 s."),
        ({"failed_in": "knowledge", "reason": "not done within 30 s"}, "Knowledge is to blame: not done within 30 s."),
        ({"failed_in": "waiting", "reason": "not done within 30 s"}, "The queue is to blame: not done within 30 s."),
        ({"reason": "told by an older daemon"}, "It failed: told by an older daemon."),
        ({"state": "expired", "reason": "130 s old"}, "The queue is to blame: 130 s old. No worker was free"),
        ({"state": "accepted", "timeline": []}, "it waits in the queue for a worker"),
        ({"state": "answered"}, "its reply is stored and on its way to TalkMe"),
    ],
)
def test_what_failed_or_is_not_done_is_blamed_on_a_stage(
    daemon: ScriptedDaemon, message: dict[str, object], said: str
) -> None:
    assert said in verdict(daemon, **{"state": "failed"} | message)


def test_who_is_to_blame_after_a_retry_is_what_the_daemon_says(daemon: ScriptedDaemon) -> None:
    timeline = [
        happened(0, "accepted"),
        happened(130, "expired"),
        happened(730, "claimed", by="w1", attempt=1),
        happened(760, "consultant", by="openai", outcome="failed", seconds=29.0),
        happened(760, "failed"),
    ]
    said = verdict(daemon, state="failed", failed_in="model", reason="not done within 30 s", timeline=timeline)
    assert said == "Model is to blame: not done within 30 s."


def test_what_went_wrong_on_the_way_to_an_answer_is_told(daemon: ScriptedDaemon) -> None:
    failed = happened(2, "consultant", by="openai", outcome="failed", reason="no answer within 8 s", seconds=1.0)
    skipped = happened(2.5, "consultant", by="second", outcome="not asked", reason="circuit open")
    timeline = [*TIMELINE[:3], failed, skipped, happened(3, "claimed", by="w2", attempt=2), *TIMELINE[3:]]
    said = verdict(daemon, timeline=timeline, answered_by="offline")
    assert "On the way: openai failed (no answer within 8 s); second was not asked (circuit open)" in said
    assert "1 worker lost it before." in said


def test_the_time_until_somebody_tries_it_again_is_not_the_queues(daemon: ScriptedDaemon) -> None:
    timeline = [
        happened(0, "accepted"),
        happened(0.5, "claimed", by="w1", attempt=1),
        happened(3.5, "send", outcome="HTTP 500", attempts=3, seconds=3.0),
        happened(3.5, "failed"),
        happened(63.5, "claimed", by="w1", attempt=1),
        happened(64.0, "send", outcome="taken", attempts=1, seconds=0.5),
        happened(64.0, "sent"),
    ]
    assert verdict(daemon, timeline=timeline) == (
        "Answered by openai within 0:01:04; for 0:01:00 of that it was given up, until it was tried again."
        " On the way: it was given up once and tried again."
    )


@pytest.mark.parametrize("noted_at", [5.8, 6.0], ids=["when that ended", "by an older daemon, when it was claimed"])
def test_the_time_behind_another_message_is_told_as_that(daemon: ScriptedDaemon, noted_at: float) -> None:
    timeline = [
        happened(0, "accepted"),
        happened(noted_at, "waited", behind="6", seconds=5.8),
        happened(6.0, "claimed", by="w1", attempt=1),
        happened(7.0, "send", outcome="taken", attempts=1, seconds=1.0),
        happened(7.0, "sent"),
    ]
    assert verdict(daemon, timeline=timeline) == (
        "Answered by openai within 7.0 s; waiting behind another message took most of it, 5.8 s."
    )
    lines = [" ".join(line.split()) for line in iteira("why", "7", "--url", daemon.url).stdout.splitlines()]
    assert "queue 200 ms" in lines


def test_the_time_until_somebody_tries_it_again_is_not_told_as_that_behind_another(daemon: ScriptedDaemon) -> None:
    timeline = [
        happened(0, "accepted"),
        happened(3, "failed"),
        happened(65, "waited", behind="6", seconds=2.0),
        happened(65, "claimed", by="w1", attempt=1),
        happened(65, "sent"),
    ]
    assert "for 0:01:00 of that it was given up" in verdict(daemon, timeline=timeline)


def test_a_message_that_waits_for_another_of_its_session_names_it(daemon: ScriptedDaemon) -> None:
    others = [{"id": "5", "user_id": "boris"}, {"id": "6", "user_id": MESSAGE["user_id"]}]
    waiting = [*others, {"id": "7", "user_id": MESSAGE["user_id"]}]
    daemon.answers["GET /webhook/talkme/waiting?limit=1000"] = (200, {"waiting": waiting})
    said = verdict(daemon, state="accepted", timeline=[])
    assert said.endswith("it waits for message 6 of the same session (`iteira why 6`).")
    daemon.answers["GET /webhook/talkme/waiting?limit=1000"] = (200, {"waiting": waiting[2:]})
    assert "it waits in the queue for a worker" in verdict(daemon, state="accepted", timeline=[])


def test_who_is_unknown_is_told_where_to_look(daemon: ScriptedDaemon) -> None:
    shown = iteira("why", "nobody", "--url", daemon.url)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "neither a message nor a session nobody" in shown.stderr
