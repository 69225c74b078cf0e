"""The verdict over a load, on its own: each broken promise is found, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.load import Load, Marks
from mock_server.posting import by_httpx
from mock_server.verdict import IN_FLIGHT, Heard, Sent, judge
from server.consultant.intents import intent
from server.consultant.names import introduced

CALLERS = ("anna", "boris", "vera")


def message(number: int, caller: str = "anna", *, accepted: bool = True, at: float = 0.0) -> Sent:
    return Sent(number, caller, f"Имя{number}", intended_at=at - 1, sent_at=at, accepted=accepted)


def reply(sent: Sent, at: float, text: str = "Очень приятно, {}! Чем могу помочь?") -> Heard:
    return Heard(sent.caller, text.format(sent.mark), at)


def found(sent: Sequence[Sent], heard: Sequence[Heard], kills: Sequence[float] = ()) -> dict[str, list[int]]:
    """Ids of the messages in each violation; stray replies by their place."""
    verdict = judge(sent, heard, kills=kills)
    violations = {
        "lost": [each.id for each in verdict.lost],
        "doubled": [each.id for each in verdict.doubled],
        "disordered": [each.id for each in verdict.disordered],
        "stray": [list(heard).index(each) for each in verdict.stray],
    }
    assert verdict.clean == (not any(violations.values()))
    return {name: ids for name, ids in violations.items() if ids}


@st.composite
def kept_promises(draw: st.DrawFn) -> tuple[list[Sent], list[Heard]]:
    """Messages of several callers, each answered once, in order within each caller but in any order between them."""
    callers = draw(st.lists(st.sampled_from(CALLERS), min_size=1, max_size=12))
    sent = [message(number, caller) for number, caller in enumerate(callers)]
    waiting = {caller: [each for each in sent if each.caller == caller] for caller in CALLERS}
    speakers = draw(st.permutations(callers))
    heard = [reply(waiting[caller].pop(0), at=10.0 * (place + 1)) for place, caller in enumerate(speakers)]
    return sent, heard


@given(kept_promises())
def test_kept_promises_are_clean_however_the_callers_mix(run: tuple[list[Sent], list[Heard]]) -> None:
    sent, heard = run
    verdict = judge(sent, heard)
    assert found(sent, heard) == {}
    assert (verdict.accepted, verdict.answered, verdict.repeated) == (len(sent), len(sent), 0)


@given(kept_promises(), st.data())
def test_a_reply_that_is_missing_makes_exactly_its_message_lost(
    run: tuple[list[Sent], list[Heard]], data: st.DataObject
) -> None:
    sent, heard = run
    missing = data.draw(st.sampled_from(heard))
    rest = [each for each in heard if each is not missing]
    lost = [each.id for each in sent if each.mark in missing.text.replace(",", "").replace("!", "").split()]
    assert found(sent, rest) == {"lost": lost}


@given(kept_promises(), st.data())
def test_a_second_reply_is_explained_by_a_kill_between_the_two_and_by_nothing_else(
    run: tuple[list[Sent], list[Heard]], data: st.DataObject
) -> None:
    sent, heard = run
    again = data.draw(st.sampled_from(heard))
    twice = [*heard, replace(again, at=1000.0)]
    assert judge(sent, twice, kills=[again.at + 1]).repeated == 1
    assert found(sent, twice, kills=[again.at + 1]) == {}
    for kills in ([], [again.at - IN_FLIGHT - 1], [1001.0]):
        assert list(found(sent, twice, kills)) == ["doubled"]
    otherwise = [*heard, replace(again, at=1000.0, text="Здравствуйте! " + again.text)]
    assert list(found(sent, otherwise, kills=[again.at + 1])) == ["doubled"]


@given(kept_promises(), st.data())
def test_two_replies_of_one_caller_that_change_places_are_out_of_order(
    run: tuple[list[Sent], list[Heard]], data: st.DataObject
) -> None:
    sent, heard = run
    one, other = (data.draw(st.integers(0, len(heard) - 1)) for _ in range(2))
    changed = list(heard)
    changed[one], changed[other] = replace(heard[other], at=heard[one].at), replace(heard[one], at=heard[other].at)
    positions = {
        caller: [each.text for each in changed if each.caller == caller]
        == [each.text for each in heard if each.caller == caller]
        for caller in CALLERS
    }
    assert (found(sent, changed) == {}) == all(positions.values())
    assert set(found(sent, changed)) <= {"disordered"}


def test_a_third_reply_needs_a_kill_of_its_own() -> None:
    sent = [message(1)]
    heard = [reply(sent[0], at) for at in (10.0, 20.0, 30.0)]
    assert found(sent, heard, kills=[15.0]) == {"doubled": [1]}
    assert found(sent, heard, kills=[15.0, 25.0]) == {}
    assert judge(sent, heard, kills=[15.0, 25.0]).repeated == 2


def test_a_reply_without_its_words_or_in_another_dialog_is_stray() -> None:
    sent = [message(1), message(2, "boris")]
    heard = [
        Heard("anna", "Имя", 5.0),
        reply(sent[0], 10.0),
        reply(sent[1], 11.0),
        replace(reply(sent[1], 12.0), caller="anna"),
    ]
    assert found(sent, heard) == {"stray": [0, 3]}


@pytest.mark.parametrize("state", ["failed", "expired"])
def test_what_the_daemon_gave_up_openly_is_not_lost(state: str) -> None:
    verdict = judge([message(1)], [], {1: state})
    assert verdict.clean
    assert (verdict.failed, verdict.expired) == (int(state == "failed"), int(state == "expired"))


@pytest.mark.parametrize("state", ["accepted", "answering", "answered", "sent"])
def test_what_the_daemon_calls_otherwise_and_nobody_heard_is_lost(state: str) -> None:
    assert [each.id for each in judge([message(1)], [], {1: state}).lost] == [1]


def test_what_was_never_accepted_may_be_answered_or_not_but_not_twice_and_owes_no_order() -> None:
    given_up, later = message(1, accepted=False), message(2)
    assert found([given_up, later], [reply(later, 1.0)]) == {}
    assert found([given_up, later], [reply(later, 1.0), reply(given_up, 2.0)]) == {}
    assert judge([given_up, later], [reply(later, 1.0)]).given_up == 1
    twice = [reply(later, 1.0), reply(given_up, 2.0), reply(given_up, 3.0)]
    assert found([given_up, later], twice) == {"doubled": [1]}


def test_the_longest_gap_counts_from_the_delivery_and_the_longest_wait_from_the_wish_to_speak() -> None:
    sent = [message(1, at=10.0), message(2, at=20.0)]
    verdict = judge(sent, [reply(sent[0], 12.0), reply(sent[1], 25.0), reply(sent[1], 90.0)])
    assert (verdict.longest_gap, verdict.longest_wait) == (5.0, 6.0)
    assert judge([], []).longest_gap is None


async def test_the_names_of_a_load_are_unique_and_come_back_from_the_consultant_as_they_are() -> None:
    bodies: list[str] = []

    def accept(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read().decode())
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(accept)) as http:
        load = Load(by_httpx(http), Random(1), name="load", callers=5, rate=2000, target=lambda: "http://daemon")
        await load.run(1.0)
    marks = [sent.mark for sent in load.sent]
    assert len(marks) == len(set(marks)) == load.intended == len(bodies)
    for mark in marks:
        client = introduced(f"меня зовут {mark}")
        assert client is not None
        assert client.name == mark


def test_no_name_of_a_load_is_taken_for_anything_but_a_name() -> None:
    marks = Marks(Random(1))
    assert {intent(f"меня зовут {marks.new()}") for _ in range(5000)} == {intent("меня зовут Анна")}


async def test_a_refused_webhook_comes_again_with_its_id_before_the_next_one_of_its_caller() -> None:
    tried: list[int] = []

    def refuse_once(request: httpx.Request) -> httpx.Response:
        number = int(request.read().decode().split('"originalOnlineChatMessage":{"id":')[1].split(",")[0])
        tried.append(number)
        if tried.count(number) == 1:
            if number % 2:
                raise httpx.ReadError("broken off")
            return httpx.Response(503)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse_once)) as http:
        load = Load(by_httpx(http), Random(1), name="load", callers=1, rate=40, target=lambda: "http://daemon")
        await load.run(0.1)
    assert len(load.sent) >= 2
    assert tried == [number for sent in load.sent for number in (sent.id, sent.id)]
    assert [sent.id for sent in load.sent] == sorted(sent.id for sent in load.sent)
    assert load.refusals == len(load.sent)
    assert all(sent.accepted for sent in load.sent)


def test_a_second_reply_is_explained_where_the_sender_cannot_know_that_the_first_arrived() -> None:
    sent = [message(1)]
    lost_answer = replace(reply(sent[0], 10.0), confirmed=False)
    assert found(sent, [lost_answer, reply(sent[0], 12.0)]) == {}
    assert judge(sent, [lost_answer, reply(sent[0], 12.0)]).repeated == 1
    assert found(sent, [lost_answer, reply(sent[0], 12.0), reply(sent[0], 14.0)]) == {"doubled": [1]}
    assert found(sent, [lost_answer, reply(sent[0], 12.0, "Снова {}")]) == {"doubled": [1]}
