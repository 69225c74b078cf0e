"""How every store tells whoever brought a message what has become of it."""

from __future__ import annotations

import asyncio

import pytest

from server.models import FinishCode, State, Worker
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock
from tests.contract.steps import answer, claim_one, said
from tests.polling import eventually


async def test_who_waits_for_a_message_learns_its_outcome(store: Store) -> None:
    accepted = await store.accept(said())
    waiting = asyncio.create_task(store.outcome(accepted.message_id, 25))
    await answer(store, finish=FinishCode.SUCCESS)
    outcome = await waiting
    assert outcome is not None
    assert (outcome.state, outcome.finish) == (State.SENT, FinishCode.SUCCESS)


async def test_an_outcome_that_is_there_already_is_told_at_once(store: Store) -> None:
    accepted = await store.accept(said())
    await store.finish(await claim_one(store), State.FAILED, "TalkMe is away")
    outcome = await store.outcome(accepted.message_id, 25)
    assert outcome is not None
    assert (outcome.state, outcome.reason) == (State.FAILED, "TalkMe is away")


async def test_waiting_for_an_outcome_ends_with_its_time(store: Store, clock: FakeClock) -> None:
    accepted = await store.accept(said())
    waiting = asyncio.create_task(store.outcome(accepted.message_id, 25))

    def passed() -> bool:
        clock.advance(1)
        return waiting.done()

    await eventually(passed)
    assert await waiting is None


@pytest.mark.parametrize("store_url", ["sqlite", "redis"], indirect=True)
async def test_what_a_process_did_last_before_it_left_is_told_to_who_waits_in_another(
    store: Store, store_url: str, clock: FakeClock
) -> None:
    other = store_from_url(store_url, StoreLimits(), clock)
    await other.open()
    for name in ("stays", "leaves"):
        await store.report(Worker(name, 1, "host", clock.now(), clock.now()))
    accepted = await store.accept(said())
    waiting = asyncio.create_task(store.outcome(accepted.message_id, 10))
    claim = await claim_one(other)
    await other.finish(claim, State.SENT)
    await other.leave("leaves")
    await other.close()

    def told() -> bool:
        clock.advance(0.25)
        return waiting.done()

    await eventually(told)
    outcome = await waiting
    assert outcome is not None
    assert outcome.state is State.SENT
