"""How the sessions of every store are looked at, cleared, and swept out when they have grown old."""

from __future__ import annotations

import asyncio

import pytest

from server.errors import LeaseLost
from server.models import Reply, State
from server.stores.base import Store
from tests.clock import FakeClock
from tests.contract.steps import answer, claim_one, said
from tests.polling import eventually


async def test_a_cleared_session_is_gone_with_all_its_messages(store: Store) -> None:
    accepted = await store.accept(said())
    await store.accept(said(user="boris"))
    assert await store.clear_session("anna")
    assert await store.session("anna") is None
    assert await store.message(accepted.message_id) is None
    assert list(await store.transcript("anna")) == []
    assert await store.session("boris") is not None
    assert not await store.clear_session("anna")


async def test_clearing_a_session_stops_the_turn_that_works_on_it(store: Store, clock: FakeClock) -> None:
    accepted = await store.accept(said())
    waiting = asyncio.create_task(store.outcome(accepted.message_id, 25))
    claim = await claim_one(store)
    await store.clear_session("anna")
    with pytest.raises(LeaseLost):
        await store.save_reply(claim, Reply("в пустоту", by="offline"))

    def told() -> bool:
        clock.advance(0.1)
        return waiting.done()

    await eventually(told)
    outcome = await waiting
    assert outcome is not None
    assert outcome.state is State.FAILED


async def test_a_claim_on_a_cleared_session_is_no_claim_on_the_one_that_follows_it(store: Store) -> None:
    await store.accept(said())
    old = await claim_one(store)
    await store.clear_session("anna")
    await store.accept(said("Снова я"))
    await claim_one(store)
    with pytest.raises(LeaseLost):
        await store.finish(old, State.SENT)


async def test_all_sessions_can_be_cleared_at_once(store: Store, clock: FakeClock) -> None:
    for user in ("anna", "boris"):
        await store.accept(said(user=user))
    assert await store.clear_sessions() == 2
    totals = await store.totals(clock.now() - 60)
    assert (totals.total_sessions, totals.queue_depth) == (0, 0)


async def test_sessions_are_listed_by_latest_activity_and_may_be_only_the_active(
    store: Store, clock: FakeClock
) -> None:
    for user in ("anna", "boris", "vera"):
        await store.accept(said(user=user))
        clock.advance(60)
    assert [session.user_id for session in await store.sessions(2)] == ["vera", "boris"]
    assert [session.user_id for session in await store.sessions(9, clock.now() - 90)] == ["vera"]
    assert [session.user_id for session in await store.sessions(9, offset=1)] == ["boris", "anna"]
    assert [session.user_id for session in await store.sessions(1, clock.now() - 150, 1)] == ["boris"]
    assert list(await store.sessions(9, offset=3)) == []


async def test_sweeping_closes_silent_sessions_and_removes_old_ones(store: Store, clock: FakeClock) -> None:
    await store.accept(said(user="anna"))
    await answer(store)
    await store.accept(said(user="waiting"))
    swept = await store.sweep()
    assert (swept.closed_sessions, swept.removed_messages, swept.removed_sessions) == (0, 0, 0)
    clock.advance(1801)
    assert (await store.sweep()).closed_sessions == 1
    session = await store.session("anna")
    assert session is not None
    assert session.ended
    clock.advance(31 * 86_400)
    await store.sweep()
    assert await store.session("anna") is None
    assert list(await store.transcript("anna")) == []
    assert [line.text for line in await store.transcript("waiting")] == ["Привет"], "what waits is never removed"


async def test_a_caller_who_keeps_calling_keeps_his_session_but_not_his_old_words(
    store: Store, clock: FakeClock
) -> None:
    await store.accept(said("давно"))
    await answer(store)
    clock.advance(31 * 86_400)
    await store.accept(said("сегодня"))
    await answer(store)
    await store.sweep()
    assert [line.text for line in await store.transcript("anna") if line.role == "caller"] == ["сегодня"]
    session = await store.session("anna")
    assert session is not None
    assert session.messages_count == 2
