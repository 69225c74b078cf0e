"""Which of the texts that a caller heard were fillers: what the daemon tells, and what was heard, taken together."""

from __future__ import annotations

from collections.abc import Sequence

from mock_server.fillers import doubtful, told
from mock_server.verdict import Heard

WAIT, REPLY = "Секунду, уточняю.", "Приятно познакомиться, Взлом!"


def heard(*texts: str, turn: str = "t1", unconfirmed: Sequence[int] = ()) -> list[Heard]:
    return [Heard("anna", text, at, at not in unconfirmed, turn) for at, text in enumerate(texts)]


def places(replies: Sequence[Heard]) -> list[float]:
    return [reply.at for reply in replies]


def test_the_daemon_is_asked_about_turns_heard_twice_and_replies_to_nothing() -> None:
    once, twice, stray = heard(REPLY, turn="a"), heard(WAIT, REPLY, turn="b"), heard(WAIT, turn="c")
    assert doubtful([*once, *twice, *stray, *heard(WAIT, WAIT, turn="")], stray) == {"b", "c"}


def test_what_the_daemon_calls_no_filler_is_none() -> None:
    assert told(heard(WAIT, REPLY), {}, {"Взлом"}) == []
    assert told(heard(WAIT, REPLY, turn="another"), {"t1": "taken"}, {"Взлом"}) == []


def test_one_filler_a_turn_is_explained_and_no_second_one() -> None:
    assert places(told(heard(WAIT, REPLY), {"t1": "taken"}, {"Взлом"})) == [0]
    assert places(told(heard(WAIT, WAIT, REPLY), {"t1": "taken"}, {"Взлом"})) == [0]
    assert places(told(heard(WAIT, "Ещё секунду.", REPLY), {"t1": "taken"}, {"Взлом"})) == [0]


def test_a_filler_said_again_since_talkmes_answer_was_lost_is_one_filler() -> None:
    assert places(told(heard(WAIT, WAIT, REPLY, unconfirmed=[0]), {"t1": "taken"})) == [0, 1]


def test_a_reply_is_never_taken_for_a_filler() -> None:
    assert told(heard(REPLY, REPLY), {"t1": "taken"}, {"Взлом"}) == []
    assert places(told(heard(REPLY, WAIT), {"t1": "not taken"}, {"Взлом"})) == [1], (
        "one that came late is one all the same"
    )
    assert told(heard(REPLY), {"t1": "not taken"}) == [], "without marks the only text of a turn is its reply"
