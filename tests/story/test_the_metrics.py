"""What Prometheus is told: figures of the whole installation, readable by its own parser."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.daemon import documented
from tests.scripted_talkme import Answer, ScriptedTalkMe


async def figures(daemon: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    text = (await daemon.get("/metrics")).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


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
    assert told["iteira_reply_seconds", "0.5"] > 0
    assert told["iteira_part_status", "talkme", "degraded"] == 1
    assert told["iteira_part_status", "store", "ok"] == 1


async def test_openmetrics_is_told_to_who_asks_for_it(daemon: httpx.AsyncClient) -> None:
    answer = await daemon.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_no_caller_is_named_in_a_figure(daemon: httpx.AsyncClient) -> None:
    await daemon.post("/webhook/talkme", json=documented("меня зовут Анна", client={"phone": "+375291234567"}))
    text = (await daemon.get("/metrics")).text
    assert not [word for word in ("anna", "Анна", "375291234567") if word in text]
