"""What Prometheus is told: figures of the whole installation, readable by its own parser."""

from __future__ import annotations

from pathlib import Path

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from server.models import Event, State
from server.observability import catalogue as of
from server.observability.ended import Ended, TurnCounter
from server.observability.tally import Tally, buckets_of, count_of
from tests.daemon import documented, running_daemon, settings_for
from tests.figures import counted, figures
from tests.scripted_talkme import Answer, ScriptedTalkMe


async def test_replies_are_counted_by_who_composed_them_and_failures_apart(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    await daemon.post("/webhook/talkme", json=documented("Привет"))
    talkme.script["send"].append(Answer(status=401))
    await daemon.post("/webhook/talkme", json=documented("Привет", user="boris"))
    told = await figures(daemon)
    assert told["iteira_messages_total", "sent"] == 1
    assert told["iteira_messages_total", "failed"] == 1
    assert told["iteira_replies_total", "offline"] == 1
    assert told["iteira_queue_depth",] == 0
    assert told["iteira_sessions", "known"] == 2
    assert told["iteira_part_status", "talkme", "degraded"] == 1
    assert told["iteira_part_status", "store", "ok"] == 1


async def test_turns_calls_and_where_the_time_went_are_counted(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    at_zero = await figures(daemon)
    assert at_zero["iteira_turns_total", "nobody", "failed"] == 0  # so that the first failure is a change
    body = documented("Сколько стоит маникюр?", originalOnlineChatMessage={"id": 7})
    await daemon.post("/webhook/talkme", json=body)
    await daemon.post("/webhook/talkme", json=body)
    await daemon.post("/webhook/talkme", json={"token": "x"})
    talkme.script["send"].append(Answer(status=401))
    await daemon.post("/webhook/talkme", json=documented("Привет", user="boris"))
    told = await counted(daemon, "iteira_turns_total", "nobody", "failed")
    assert told["iteira_turns_total", "offline", "sent"] == 1
    assert told["iteira_turn_errors_total", "talkme"] == 1
    assert told["iteira_turn_seconds_count",] == told["iteira_turn_seconds_bucket", "+Inf"] == 1
    assert told["iteira_stage_seconds_count", "knowledge"] == told["iteira_stage_seconds_count", "waiting"] == 2
    assert told["iteira_stage_seconds_sum", "talkme"] > 0
    assert told["iteira_webhooks_accepted_total", "first"] == 2
    assert told["iteira_webhooks_accepted_total", "repeated"] == 1
    assert told["iteira_webhooks_refused_total", "400"] == 1
    assert told["iteira_talkme_calls_total", "send", "200"] == told["iteira_talkme_calls_total", "send", "401"] == 1
    assert told["iteira_consultants_asked_total", "offline", "answered"] == 2
    assert told["iteira_workers", "all"] == 1
    assert told["iteira_knowledge_documents",] > 0
    assert told["iteira_cpu_seconds_total",] > 0


async def test_what_was_counted_goes_on_where_it_was_when_the_daemon_is_started_again(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    settings = settings_for(folder, talkme.url)
    for user in ("anna", "boris"):
        async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as daemon:
            await daemon.post("/webhook/talkme", json=documented("Привет", user=user))
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as daemon:
        told = await figures(daemon)  # what was told last, at once: those who stop tell what they have counted
        assert told["iteira_turns_total", "offline", "sent"] == told["iteira_turn_seconds_count",] == 2
        assert told["iteira_workers_gone",] == 0


async def test_openmetrics_is_told_to_who_asks_for_it(daemon: httpx.AsyncClient) -> None:
    answer = await daemon.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    read = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    families = {family.name: family.type for family in read}
    assert (families["iteira_turns"], families["iteira_turn_seconds"]) == ("counter", "histogram")


async def test_no_caller_is_named_in_a_figure(daemon: httpx.AsyncClient) -> None:
    await daemon.post("/webhook/talkme", json=documented("меня зовут Анна", client={"phone": "+375291234567"}))
    text = (await daemon.get("/metrics")).text
    assert not [word for word in ("anna", "Анна", "375291234567") if word in text]


def test_a_turn_is_counted_with_everything_that_its_timeline_tells() -> None:
    tally = Tally()
    timeline = (
        Event(10.0, "accepted"),
        Event(10.5, "claimed", {"by": "w2", "attempt": 2}),
        Event(10.6, "knowledge", {"seconds": 0.1}),
        Event(10.7, "consultant", {"by": "openai", "outcome": "not asked", "reason": "circuit open"}),
        Event(14.7, "filler", {"outcome": "taken"}),
        Event(15.0, "first token", {"by": "second", "seconds": 3.0}),
        Event(15.1, "guard", {"by": "second", "kind": "price", "action": "asked again"}),
        Event(16.0, "consultant", {"by": "second", "outcome": "answered", "seconds": 5.0}),
        Event(16.5, "send", {"outcome": "taken", "attempts": 2, "seconds": 0.5}),
        Event(16.5, "sent"),
    )
    TurnCounter(tally).ended(Ended("7", State.SENT, None, 2, 10.0, timeline))
    told = tally.counts()
    for what, values in (
        (of.TURNS, ("sent", "second")),
        (of.TAKEN_OVER, ()),
        (of.ASKED, ("openai", "not asked")),
        (of.ASKED, ("second", "answered")),
        (of.OBJECTIONS, ("second", "price")),
        (of.FILLERS, ()),
    ):
        assert count_of(told, what, values) == 1, what.name
    buckets, seconds = buckets_of(told, of.TURN_SECONDS, ())
    assert (dict(buckets)["4.0"], dict(buckets)["8.0"], seconds) == (0, 1, 6.5)
    assert buckets_of(told, of.STAGE_SECONDS, ("first_token",))[1] == 3.0


def test_what_others_could_make_up_is_counted_as_other() -> None:
    tally = Tally()
    for status in ("299", "599", "iteira"):
        tally.add(of.TALKME_CALLS, "send", status)
    assert tally.counts() == {"iteira_talkme_calls|send|other": 3}
