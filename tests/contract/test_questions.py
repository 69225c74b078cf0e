"""What every store remembers of what callers asked."""

from __future__ import annotations

import pytest

from server.models import Asked
from server.stores import memory
from server.stores.base import Store
from server.stores.redis import questions as redis_questions
from server.stores.sqlite import questions as sqlite_questions
from tests.clock import FakeClock


async def test_a_question_is_counted_and_stands_as_it_was_answered_last(store: Store, clock: FakeClock) -> None:
    await store.note_question("есть солярий", False, 0.1)
    clock.advance(60)
    await store.note_question("есть солярий", True, 0.9)
    assert list(await store.questions(10)) == [Asked("есть солярий", True, 0.9, 2, clock.now())]


async def test_the_most_asked_come_first_and_either_kind_alone(store: Store, clock: FakeClock) -> None:
    for text, answered in (("а", False), ("б", True), ("в", False), ("в", False)):
        await store.note_question(text, answered, 0.5)
        clock.advance(1)
    assert [one.text for one in await store.questions(10)] == ["в", "б", "а"]
    assert [one.text for one in await store.questions(10, answered=False)] == ["в", "а"]
    assert [one.text for one in await store.questions(10, answered=True)] == ["б"]
    assert [one.text for one in await store.questions(1)] == ["в"]


async def test_questions_can_be_forgotten_singly_and_all_together(store: Store) -> None:
    for text in ("а", "б", "в"):
        await store.note_question(text, False, 0.0)
    assert await store.forget_questions(["б", "не было"]) == 1
    assert await store.forget_questions([]) == 0
    assert {one.text for one in await store.questions(10)} == {"а", "в"}
    assert await store.forget_questions() == 2
    assert await store.questions(10) == []


async def test_they_are_kept_when_sessions_are_cleared(store: Store) -> None:
    await store.note_question("а", False, 0.0)
    await store.clear_sessions()
    assert await store.questions(10)


async def test_beyond_the_bound_those_leave_that_were_not_asked_for_the_longest_time(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (memory, redis_questions, sqlite_questions):
        monkeypatch.setattr(module, "QUESTIONS_KEPT", 2)
    for text in ("а", "б", "а", "в"):
        await store.note_question(text, False, 0.0)
        clock.advance(1)
    assert {one.text for one in await store.questions(10)} == {"а", "в"}
