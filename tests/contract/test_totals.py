"""The figures of every store over all its callers."""

from __future__ import annotations

from server.models import State
from server.stores.base import Store
from tests.clock import FakeClock
from tests.contract.steps import answer, claim_one, said


async def test_totals_say_how_the_callers_fare(store: Store, clock: FakeClock) -> None:
    for text in ("раз", "два", "три"):
        await store.accept(said(text))
    clock.advance(2)
    await answer(store)
    await store.finish(await claim_one(store), State.FAILED, "TalkMe is away")
    totals = await store.totals(clock.now() - 60)
    assert (totals.total_sessions, totals.active_sessions) == (1, 1)
    assert (totals.messages_processed, totals.errors, totals.queue_depth) == (1, 1, 1)
    assert totals.oldest_waiting_since == clock.now() - 2
    assert totals.latencies == (2.0,)


async def test_figures_of_the_past_outlive_the_sessions_they_came_from(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    await answer(store)
    await store.clear_sessions()
    assert (await store.totals(clock.now() - 60)).messages_processed == 1


async def test_messages_that_expired_are_counted_apart(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    await store.finish(await claim_one(store), State.EXPIRED, "too old")
    totals = await store.totals(clock.now() - 60)
    assert (totals.messages_processed, totals.errors, totals.expired) == (0, 0, 1)
