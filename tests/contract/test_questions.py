"""What every store remembers of what callers asked."""

from __future__ import annotations

import pytest

from server.models import Asked, Incoming, Question, State
from server.stores.base import Store
from server.stores.memory import questions as memory_questions
from server.stores.redis import store as redis_store
from server.stores.sqlite import questions as sqlite_questions
from tests.clock import FakeClock


async def noted(store: Store, text: str, answered: bool, confidence: float, user: str = "anna") -> None:
    """A question of a caller who has a session."""
    if await store.session(user) is None:
        await store.accept(Incoming(user, "3120", "Привет", "token-of-the-salon"))
    await store.note_questions([Question(user, text, answered, confidence)])


async def test_a_question_is_counted_and_stands_as_it_was_answered_last(store: Store, clock: FakeClock) -> None:
    await noted(store, "есть солярий", False, 0.1)
    clock.advance(60)
    await noted(store, "есть солярий", True, 0.9)
    assert list(await store.questions(10)) == [Asked("есть солярий", True, 0.9, 2, clock.now())]


async def test_the_most_asked_come_first_and_either_kind_alone(store: Store, clock: FakeClock) -> None:
    for text, answered in (("а", False), ("б", True), ("в", False), ("в", False)):
        await noted(store, text, answered, 0.5)
        clock.advance(1)
    assert [one.text for one in await store.questions(10)] == ["в", "б", "а"]
    assert [one.text for one in await store.questions(10, answered=False)] == ["в", "а"]
    assert [one.text for one in await store.questions(10, answered=True)] == ["б"]
    assert [one.text for one in await store.questions(1)] == ["в"]


async def test_questions_can_be_forgotten_singly_and_all_together(store: Store) -> None:
    for text in ("а", "б", "в"):
        await noted(store, text, False, 0.0)
    assert await store.forget_questions(["б", "не было"]) == 1
    assert await store.forget_questions([]) == 0
    assert {one.text for one in await store.questions(10)} == {"а", "в"}
    assert await store.forget_questions() == 2
    assert await store.questions(10) == []


async def test_what_a_caller_alone_has_asked_leaves_with_his_session(store: Store, clock: FakeClock) -> None:
    for text, user in (("а", "anna"), ("б", "anna"), ("б", "boris"), ("б", "boris"), ("в", "boris")):
        await noted(store, text, False, 0.0, user)
    await store.clear_session("anna")
    assert [(one.text, one.count) for one in await store.questions(10)] == [("б", 2), ("в", 1)]
    await store.clear_sessions()
    assert await store.questions(10) == []


@pytest.mark.parametrize("texts", [["а"], None], ids=["singly", "all together"])
async def test_a_question_that_was_forgotten_and_is_asked_anew_is_nobodys_who_asked_it_before(
    store: Store, texts: list[str] | None
) -> None:
    await noted(store, "а", False, 0.0, "anna")
    await store.forget_questions(texts)
    await noted(store, "а", False, 0.0, "boris")
    await store.clear_session("anna")
    assert [(one.text, one.count) for one in await store.questions(10)] == [("а", 1)]
    await store.clear_session("boris")
    assert await store.questions(10) == []


async def test_a_question_stays_when_the_session_it_came_from_has_grown_old(store: Store, clock: FakeClock) -> None:
    await noted(store, "а", False, 0.0)
    (claim,) = await store.claim("w1", 10, 1)
    await store.finish(claim, State.EXPIRED)
    clock.advance(40 * 86_400)
    await store.sweep()
    assert await store.session("anna") is None
    assert [one.text for one in await store.questions(10)] == ["а"]


async def test_what_is_noted_after_its_session_was_cleared_is_not_kept(store: Store) -> None:
    await store.note_questions([Question("anna", "а", False, 0.0)])
    assert await store.questions(10) == []


async def test_beyond_the_bound_those_leave_that_were_not_asked_for_the_longest_time(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (memory_questions, redis_store, sqlite_questions):
        monkeypatch.setattr(module, "QUESTIONS_KEPT", 2)
    for text in ("а", "б", "а", "в"):
        await noted(store, text, False, 0.0)
        clock.advance(1)
    assert {one.text for one in await store.questions(10)} == {"а", "в"}
