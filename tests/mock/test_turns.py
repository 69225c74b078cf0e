"""Callers who say what is written for them: no reply repeats their words, so each is known by its turn."""

from __future__ import annotations

import json
import time
from random import Random
from typing import Any

import httpx

from mock_server.delivery import Deliveries
from mock_server.load import Caller, Saying
from mock_server.posting import by_httpx
from mock_server.traffic import Plan, Traffic
from mock_server.turns import RepliesInTurn, by_turn
from mock_server.verdict import Heard, Sent, Verdict, judge

SCRIPTS = {"price": ["Сколько стоит?", "А дольше?", "А дольше?"], "address": ["Где вы?", "Спасибо"]}


def message(number: int, *, accepted: bool = True, caller: str = "anna") -> Sent:
    return Sent(number, caller, "", intended_at=number, sent_at=number, accepted=accepted)


def reply(text: str, at: float, *, confirmed: bool = True, caller: str = "anna") -> Heard:
    return Heard(caller, text, at, confirmed)


def verdict(sent: list[Sent], heard: list[Heard], ended: dict[int, str] | None = None) -> Verdict:
    return judge(sent, heard, ended, match=by_turn)


def test_equal_replies_to_different_messages_are_an_answer_each() -> None:
    found = verdict([message(1), message(2)], [reply("42 рубля", 1.5), reply("42 рубля", 2.5)])
    assert (found.clean, found.answered, found.repeated) == (True, 2, 0)


def test_callers_do_not_take_each_others_turns() -> None:
    found = verdict([message(1), message(2, caller="boris")], [reply("а", 3, caller="boris"), reply("б", 4)])
    assert (found.clean, found.answered, found.longest_gap) == (True, 2, 3)
    alone = verdict(
        [message(1), message(2, caller="boris")], [reply("а", 3, caller="boris"), reply("б", 4, caller="boris")]
    )
    assert ([each.id for each in alone.lost], [each.text for each in alone.stray]) == ([1], ["б"])


def test_a_message_that_failed_leaves_its_turn_to_the_next() -> None:
    found = verdict([message(1), message(2), message(3)], [reply("а", 1.5), reply("в", 3.5)], {2: "failed"})
    assert (found.clean, found.answered, found.failed) == (True, 2, 1)
    untold = verdict([message(1), message(2), message(3)], [reply("а", 1.5), reply("в", 3.5)])
    assert len(untold.lost) == 1


def test_what_was_never_accepted_has_no_turn() -> None:
    found = verdict([message(1, accepted=False), message(2)], [reply("б", 2.5)])
    assert (found.clean, found.answered, found.given_up) == (True, 1, 1)


def test_a_reply_sent_again_since_talkmes_answer_was_lost_is_explained_and_any_other_is_not() -> None:
    again = [reply("а", 1.5, confirmed=False), reply("а", 1.7), reply("б", 2.5)]
    explained = verdict([message(1), message(2)], again)
    assert (explained.clean, explained.answered, explained.repeated) == (True, 2, 1)
    doubled = verdict([message(1)], [reply("а", 1.5), reply("а", 1.7)])
    assert [each.id for each in doubled.doubled] == [1]
    stray = verdict([message(1)], [reply("а", 1.5), reply("ещё", 1.7)])
    assert [each.text for each in stray.stray] == ["ещё"]


def test_a_reply_that_arrived_though_the_daemon_says_failed_is_no_other_messages() -> None:
    found = verdict([message(1), message(2)], [reply("а", 1.5, confirmed=False), reply("б", 2.5)], {1: "failed"})
    assert (found.clean, found.answered) == (True, 2)


class Daemon:
    """Takes webhooks in this process, and answers all but some of them with one sentence."""

    def __init__(self, *silent_to: str) -> None:
        self.replies = RepliesInTurn()
        self.heard_of: dict[str, list[str]] = {}
        self._silent_to = silent_to

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body: dict[str, Any] = json.loads(request.read())
        text = body["message"]["text"]
        self.heard_of.setdefault(body["token"], []).append(text)
        if text not in self._silent_to:
            self.replies.take(Heard(body["token"], "Одну минуту.", time.time()))
        return httpx.Response(200)


async def written_calls(daemon: Daemon, patience: float = 5.0) -> Traffic:
    async with httpx.AsyncClient(transport=httpx.MockTransport(daemon)) as http:
        plan = Plan(calls=20, turns=None, concurrency=5, patience=patience, scripts=SCRIPTS)
        traffic = Traffic(
            plan, Deliveries(by_httpx(http), lambda: "http://daemon"), daemon.replies, Random(1), name="load"
        )
        await traffic.run()
    return traffic


async def test_each_caller_says_one_of_the_written_calls_from_beginning_to_end() -> None:
    daemon = Daemon()
    traffic = await written_calls(daemon)
    assert len(daemon.heard_of) == 20
    assert {tuple(lines) for lines in daemon.heard_of.values()} == {tuple(lines) for lines in SCRIPTS.values()}
    assert all(seen.heard_at for seen in traffic.observations)


async def test_a_reply_that_does_not_come_is_not_taken_from_the_next_line() -> None:
    daemon = Daemon("Где вы?")
    traffic = await written_calls(daemon, patience=0.05)
    unheard = sum(seen.heard_at is None for seen in traffic.observations)
    assert unheard == sum("Где вы?" in lines for lines in daemon.heard_of.values()) > 0


async def test_what_follows_a_filler_of_the_same_turn_is_not_the_next_ones_reply() -> None:
    replies = RepliesInTurn()
    anna = Caller(1, "anna", "anna")
    first, second = (replies.expect(anna, Saying(number, "", 0.0, "Где вы?")) for number in (1, 2))
    for at, (text, turn) in enumerate([("Секунду.", "t1"), ("а", "t1"), ("б", "t2")]):
        replies.take(Heard("anna", text, at, turn=turn))
    assert (first.result(), second.result()) == (0, 2)
