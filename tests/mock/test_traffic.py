"""Many calls against a daemon double and a mock: who speaks when, and what the faults of a webhook do."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import httpx
import pytest

from mock_server.delivery import Deliveries
from mock_server.faults import Faults
from mock_server.posting import by_httpx
from mock_server.traffic import Plan, Replies, Traffic
from mock_server.verdict import Heard, judge

MARK = re.compile(r"зовут (\w+)")


class Daemon:
    """Takes webhooks in this process and answers each as it is told, `pause` seconds later."""

    def __init__(self, pause: float = 0.0, refuse: Callable[[int], int | None] = lambda number: None) -> None:
        self.replies = Replies()
        self.bodies: list[bytes] = []
        self.at_once = self.most_at_once = 0
        self._pause, self._refuse = pause, refuse
        self._answered: set[tuple[str, int]] = set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.read())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(request)
        finally:
            self.at_once -= 1

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            body = json.loads(request.read())
        except ValueError:
            return httpx.Response(400)
        if status := self._refuse(len(self.bodies)):
            return httpx.Response(status)
        key = (body["client"]["clientId"], body["originalOnlineChatMessage"]["id"])
        if key not in self._answered:
            self._answered.add(key)
            await asyncio.sleep(self._pause)
            self.replies.take(Heard(body["token"].removeprefix("token-of-"), body["message"]["text"], time.time()))
        return httpx.Response(200)

    def texts(self) -> list[str]:
        return [mark[1] for body in self.bodies if (mark := MARK.search(body.decode(errors="replace")))]


async def load(daemon: Daemon, chaos: str = "", **plan: Any) -> Traffic:
    async with httpx.AsyncClient(transport=httpx.MockTransport(daemon)) as http:
        deliveries = Deliveries(by_httpx(http), lambda: "http://daemon", faults=Faults(chaos), give_up=1.0)
        settings = {"calls": None, "turns": 1, "patience": 5.0} | plan
        traffic = Traffic(Plan(**settings), deliveries, daemon.replies, Random(1), name="load")
        await traffic.run()
    assert judge(traffic.sent, daemon.replies.heard).clean
    return traffic


async def test_every_call_says_its_turns_and_each_is_answered_once() -> None:
    daemon = Daemon()
    traffic = await load(daemon, calls=20, rate=500, turns=3)
    assert len(traffic.callers) == 20
    assert Counter(sent.caller for sent in traffic.sent) == {caller.user_id: 3 for caller in traffic.callers}
    assert judge(traffic.sent, daemon.replies.heard).answered == 60
    assert len(traffic.observations) == traffic.said == 60
    assert traffic.under_way == 0


async def test_in_the_open_model_calls_do_not_wait_for_a_slow_daemon() -> None:
    daemon = Daemon(pause=0.3)
    traffic = await load(daemon, calls=50, rate=1000)
    assert daemon.most_at_once > 25
    assert all(seen.heard_at and seen.heard_at - seen.intended_at >= 0.3 for seen in traffic.observations)


async def test_in_the_closed_model_there_are_never_more_callers_than_asked_for() -> None:
    daemon = Daemon(pause=0.01)
    traffic = await load(daemon, calls=20, concurrency=4, turns=2)
    assert daemon.most_at_once == 4
    assert len(traffic.callers) == 20


async def test_no_call_begins_after_the_duration() -> None:
    for kind in ({"rate": 200.0}, {"concurrency": 2}):
        traffic = await load(Daemon(pause=0.01), duration=0.2, **kind)
        assert traffic.callers
        assert traffic.began
        assert max(seen.intended_at for seen in traffic.observations) < traffic.began + 0.25


async def test_a_caller_thinks_between_a_reply_and_his_next_word() -> None:
    traffic = await load(Daemon(), calls=1, rate=100, turns=2, think_time=0.2)
    first, second = sorted(traffic.observations, key=lambda seen: seen.intended_at)
    assert first.heard_at
    assert second.intended_at == pytest.approx(first.heard_at + 0.2)


async def test_what_is_refused_comes_again_and_what_stays_refused_is_given_up() -> None:
    once = await load(Daemon(refuse=lambda number: 503 if number == 1 else None), calls=1, rate=100)
    assert [sent.accepted for sent in once.sent] == [True]
    always = await load(Daemon(refuse=lambda number: 503), calls=1, rate=100)
    assert [(sent.accepted, seen.heard_at) for sent, seen in zip(always.sent, always.observations, strict=True)] == [
        (False, None)
    ]


async def test_a_doubled_webhook_comes_twice_with_one_id() -> None:
    daemon = Daemon()
    await load(daemon, "dup=100%", calls=3, rate=100)
    assert sorted(Counter(daemon.bodies).values()) == [2, 2, 2]


async def test_a_malformed_webhook_comes_before_the_right_one() -> None:
    daemon = Daemon()
    await load(daemon, "malformed=100%", calls=1, rate=100)
    half, whole = daemon.bodies
    assert json.loads(whole)
    with pytest.raises(ValueError, match=r"JSON|Expecting|Unterminated|utf-8"):
        json.loads(half)


async def test_reordered_webhooks_change_places() -> None:
    straight, crossed = Daemon(), Daemon()
    await load(straight, calls=1, rate=100, turns=3)
    traffic = await load(crossed, "reorder=100%", calls=1, rate=100, turns=3)
    first, second, third = straight.texts()
    assert crossed.texts() == [second, first, third]
    assert [sent.id for sent in traffic.sent] == [2, 1, 3]


async def test_a_delayed_webhook_counts_from_when_the_caller_spoke() -> None:
    traffic = await load(Daemon(), "delay=200ms@100%", calls=1, rate=100)
    (seen,) = traffic.observations
    assert seen.heard_at
    assert seen.heard_at - seen.intended_at >= 0.2
