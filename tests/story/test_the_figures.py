"""What the daemon tells a screen: who waits, where the time goes, what fails, and whether the line is silent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from server.models import Event, Incoming, Message, Received, State
from server.observability.quiet import HOUR, WEEK, silence
from server.observability.stages import failed_in, latest_try, seconds_by_stage
from tests.daemon import documented, running_daemon, settings_for
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe

STATS, WAITING = "/webhook/talkme/stats", "/webhook/talkme/waiting"


async def test_who_waits_is_named_with_the_worker_until_the_reply_is_delivered(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    taken = asyncio.Event()
    talkme.script["send"].append(Answer(until=taken))
    call = asyncio.create_task(daemon.post("/webhook/talkme", json=documented(user="a-user-with-a-long-name")))

    async def waiting() -> list[dict[str, object]]:
        found: list[dict[str, object]] = (await daemon.get(WAITING)).json()["waiting"]
        return found

    (one,) = await eventually(waiting, lambda found: bool(found) and found[0]["state"] == "answered")
    worker = (await daemon.get(STATS)).json()["workers"][0]["id"]
    assert (one["user_id"], one["worker"], one["attempts"]) == ("a-user-with-a-long-name", worker, 1)
    assert one["seconds"] >= 0
    taken.set()
    assert (await call).status_code == 200
    assert await waiting() == []


async def test_a_filler_does_not_stop_the_clock_of_who_waits(folder: Path, talkme: ScriptedTalkMe) -> None:
    reply = asyncio.Event()
    talkme.script["send"] += [Answer(), Answer(until=reply)]
    agent = {"provider": "openai", "api_key": "k" * 20, "base_url": talkme.url, "filler_after": 0.01}
    settings = settings_for(folder, talkme.url, agent=agent)
    talkme.script["completions"].append(Answer(until=reply))
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as daemon:
        call = asyncio.create_task(daemon.post("/webhook/talkme", json=documented()))
        await eventually(lambda: len(talkme.sent()) == 1)
        (one,) = (await daemon.get(WAITING)).json()["waiting"]
        accepted = (await daemon.get(f"/webhook/talkme/message/{one['id']}")).json()["accepted_at"]
        assert one["since"] == accepted
        reply.set()
        await call


async def test_the_time_of_replies_is_told_by_stage(daemon: httpx.AsyncClient) -> None:
    await daemon.post("/webhook/talkme", json=documented("Сколько стоит маникюр?"))
    latency = (await daemon.get(STATS)).json()["latency"]
    counts = {stage: part["count"] for stage, part in latency["parts"].items()}
    assert counts == {"waiting": 1, "knowledge": 1, "first_token": 0, "model": 0, "talkme": 1}
    assert 0 < latency["parts"]["talkme"]["p50"] <= latency["p99"]
    assert latency["last_minute"]["replies"] == 1
    assert latency["last_minute"]["p90"] > 0


async def test_errors_are_told_by_stage_and_the_latest_one_by_one(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].append(Answer(status=404))
    await daemon.post("/webhook/talkme", json=documented(user="a-user-with-a-long-name"))
    stats = (await daemon.get(STATS)).json()
    assert stats["errors_by_stage"] == {"talkme": 1}
    (error,) = stats["latest_errors"]
    assert (error["user_id"], error["state"], error["stage"]) == ("a-user-wit...", "failed", "talkme")
    assert "HTTP 404" in error["reason"]


async def test_a_message_tells_in_which_stage_its_latest_try_has_failed(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].append(Answer(status=404))
    await daemon.post("/webhook/talkme", json=documented())
    message = f"/webhook/talkme/message/{(await daemon.get(STATS)).json()['latest_errors'][0]['id']}"
    assert (await daemon.get(message)).json()["failed_in"] == "talkme"
    await daemon.post(message.replace("/message/", "/failed/") + "/retry")
    told = await eventually(lambda: daemon.get(message), lambda told: told.json()["state"] == "sent")
    assert told.json()["failed_in"] is None


async def test_workers_tell_what_they_cost(daemon: httpx.AsyncClient) -> None:
    (worker,) = (await daemon.get(STATS)).json()["workers"]
    assert worker["cpu"] is None, "the first report has nothing to compare with"
    assert worker["memory"] > 10 * 2**20


async def test_health_figures_and_metric_say_when_the_last_webhook_came(daemon: httpx.AsyncClient) -> None:
    async def line() -> str:
        return str((await daemon.get("/webhook/talkme/health")).json()["checks"]["webhooks"]["detail"])

    assert await line() == "none has come yet"
    await daemon.post("/webhook/talkme", json=documented())
    await eventually(line, lambda told: told.startswith("the last one came "))
    told = (await daemon.get(STATS)).json()["line"]
    assert told["last_at"]
    assert (told["usually"], told["unusually_quiet"]) == (None, False), "no week is known"
    metrics = (await daemon.get("/metrics")).text
    assert "iteira_unusually_quiet 0.0" in metrics
    assert "iteira_last_message_timestamp_seconds 1." in metrics


# Stages


def turn(*events: tuple[float, str, dict[str, str | float | bool | None]]) -> tuple[Event, ...]:
    return tuple(Event(at, what, details) for at, what, details in events)


ANSWERED = turn(
    (0, "accepted", {}),
    (2, "claimed", {"by": "w1"}),
    (2.1, "knowledge", {"seconds": 0.1}),
    (3, "first token", {"by": "openai", "seconds": 0.9}),
    (5, "consultant", {"by": "openai", "outcome": "answered", "seconds": 2.9}),
    (6, "send", {"outcome": "taken", "seconds": 1.0}),
    (6, "sent", {}),
)


def test_each_stage_gets_its_seconds() -> None:
    expected = {"waiting": 2, "knowledge": 0.1, "first_token": 0.9, "model": 2.9, "talkme": 1.0}
    assert seconds_by_stage(ANSWERED) == expected


def test_the_time_behind_another_message_is_waiting() -> None:
    waited = turn((0, "accepted", {}), (5.8, "waited", {"behind": "6", "seconds": 5.8}), (6, "claimed", {}))
    assert seconds_by_stage(waited) == {"waiting": 6}


def test_the_offline_consultant_is_no_model() -> None:
    offline = turn((0, "accepted", {}), (1, "consultant", {"by": "offline", "seconds": 0.9}))
    assert "model" not in seconds_by_stage(offline)


def test_what_lies_before_a_retry_is_not_counted() -> None:
    again = (*ANSWERED[:-1], Event(6, "failed"), Event(900, "claimed"), Event(901, "send"), Event(901, "sent"))
    assert [event.what for event in latest_try(again)] == ["claimed", "send", "sent"]
    assert latest_try(ANSWERED) == ANSWERED


def test_a_failure_is_put_down_to_a_stage() -> None:
    def failed(reason: str, state: State = State.FAILED, timeline: tuple[Event, ...] = ANSWERED) -> str:
        incoming = Incoming("anna", "3120", "Привет", "token-of-the-salon")
        return failed_in(Message("7", incoming, state, 0, 0, 0, reason=reason, timeline=timeline))

    assert failed("customBot/send: HTTP 500") == "talkme"
    assert failed("130 s old", State.EXPIRED) == "waiting"
    assert failed("given up: 5 workers have died") == "worker"
    assert failed("internal error: KeyError") == "ours"
    assert failed("not done within server.message_timeout (30 s)") == "model"
    assert failed("not done within server.message_timeout (30 s)", timeline=()) == "ours"
    late = (Event(-60, "accepted"), *ANSWERED[1:])
    assert failed("not done within server.message_timeout (30 s)", timeline=late) == "model", "it begins with the turn"
    tried_again = (Event(-900, "accepted"), Event(-800, "expired"), *ANSWERED[1:-1], Event(6, "failed"))
    assert failed("not done within server.message_timeout (30 s)", timeline=tried_again) == "model"


# Silence

NOW_HOUR = 600_000
NOW = (NOW_HOUR + 1) * HOUR - 60.0
"""One minute before the end of its hour."""


def came(last_at: float, **hours_before: int) -> Received:
    by_hour = {NOW_HOUR - int(name.removeprefix("h")): count for name, count in hours_before.items()}
    return Received(last_at, by_hour)


def test_silence_at_an_hour_at_which_many_call_is_unusual() -> None:
    busy = came(NOW - 1800, h168=60, h0=10)
    assert silence(busy, NOW).unusual
    assert silence(busy, NOW).usually == 30.0
    assert not silence(came(NOW - 300, h168=60, h0=10), NOW).unusual, "five minutes happen"


def test_silence_at_night_is_not_unusual_however_busy_the_day_is() -> None:
    night = came(NOW - 5 * HOUR, h168=0, h160=300, h336=1)
    assert (silence(night, NOW).usually or 0) < 1
    assert not silence(night, NOW).unusual


def test_nothing_is_unusual_until_a_week_is_known() -> None:
    young = came(NOW - 5 * HOUR, h167=1000, h24=1000)
    assert silence(young, NOW).usually is None
    assert silence(Received(None, {}), NOW).seconds is None


def test_several_weeks_are_averaged_and_a_single_busy_one_is_not_the_rule() -> None:
    weeks = came(NOW - 1800, h168=0, h336=0, h504=0, h672=60)
    assert silence(weeks, NOW).usually == 7.5
    assert not silence(weeks, NOW).unusual


def test_a_line_that_died_long_ago_is_unusually_quiet_still() -> None:
    dead = came(NOW - 3 * WEEK * HOUR, h504=5, **{f"h{504 + hour}": 5 for hour in range(1, WEEK)})
    assert silence(dead, NOW).unusual
