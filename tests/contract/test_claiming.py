"""What every store promises its workers: a session is one worker's at a time, in order, and for as long as he lives."""

from __future__ import annotations

import asyncio

import pytest

from server.errors import LeaseLost
from server.models import Reply, State
from server.stores.base import Store
from tests.clock import FakeClock
from tests.contract.steps import LEASE, answer, claim_one, said, stored
from tests.polling import eventually


async def test_a_claim_that_waits_returns_when_it_is_woken(store: Store) -> None:
    waiting = asyncio.create_task(store.claim("w1", LEASE, 1, wait=0.3))

    def done() -> bool:
        store.wake()
        return waiting.done()

    await eventually(done)
    assert list(waiting.result()) == []


async def test_a_claim_carries_the_message_its_session_and_the_right_to_work(store: Store, clock: FakeClock) -> None:
    accepted = await store.accept(said(name="Анна"))
    claim = await claim_one(store)
    assert claim.message.id == accepted.message_id
    assert (claim.message.state, claim.message.attempts) == (State.ANSWERING, 1)
    assert claim.session.client_name == "Анна"
    assert claim.expires_at == clock.now() + LEASE


async def test_nobody_else_gets_a_session_that_is_being_worked_on(store: Store) -> None:
    await store.accept(said("Первое"))
    await store.accept(said("Второе"))
    await claim_one(store, "w1")
    assert list(await store.claim("w2", LEASE, 10)) == []


async def test_workers_that_claim_at_the_same_moment_get_different_sessions(store: Store) -> None:
    for number in range(10):
        await store.accept(said(user=f"caller-{number}"))
    taken = await asyncio.gather(*(store.claim(f"w{number}", LEASE, 3) for number in range(5)))
    users = [claim.user_id for claims in taken for claim in claims]
    assert sorted(users) == sorted(f"caller-{number}" for number in range(10))


async def test_messages_of_a_session_come_in_the_order_of_acceptance(store: Store) -> None:
    for text in ("раз", "два", "три"):
        await store.accept(said(text))
    assert [(await answer(store)).message.incoming.text for _ in range(3)] == ["раз", "два", "три"]


async def test_who_has_waited_longest_is_served_first(store: Store, clock: FakeClock) -> None:
    for user in ("anna", "boris", "vera"):
        await store.accept(said(user=user))
        clock.advance(1)
    assert [claim.user_id for claim in await store.claim("w1", LEASE, 2)] == ["anna", "boris"]


async def test_a_caller_who_floods_waits_behind_the_others(store: Store, clock: FakeClock) -> None:
    for _ in range(5):
        await store.accept(said(user="flood"))
    clock.advance(1)
    await store.accept(said(user="anna"))
    clock.advance(1)
    assert [(await answer(store)).user_id for _ in range(3)] == ["flood", "anna", "flood"]


async def test_a_session_of_a_dead_worker_is_claimed_by_another_after_the_lease(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    dead = await claim_one(store, "dead")
    clock.advance(LEASE - 0.1)
    assert list(await store.claim("w2", LEASE, 1)) == []
    clock.advance(0.2)
    taken = await claim_one(store, "w2")
    assert taken.message.id == dead.message.id
    assert taken.message.attempts == 2
    assert taken.fence > dead.fence


async def test_a_session_of_a_dead_worker_is_claimed_after_a_lease_though_the_clock_was_put_back(
    store: Store, clock: FakeClock
) -> None:
    await store.accept(said())
    dead = await claim_one(store, "dead")
    clock.advance(-3600)
    assert list(await store.claim("w2", LEASE, 1)) == [], "it may still live"
    clock.advance(LEASE + 0.1)
    assert (await claim_one(store, "w2")).message.id == dead.message.id


async def test_a_clock_that_is_put_back_takes_nothing_from_the_living_and_makes_nobody_wait(
    store: Store, clock: FakeClock
) -> None:
    await store.accept(said(user="anna"))
    claim = await claim_one(store, "w1")
    await store.accept(said(user="boris"))
    clock.advance(-3600)
    assert [each.user_id for each in await store.claim("w2", LEASE, 2)] == ["boris"]
    clock.advance(LEASE - 1)
    (claim,) = await store.renew([claim], LEASE)
    clock.advance(LEASE - 1)
    assert [each.user_id for each in await store.claim("w3", LEASE, 2)] == ["boris"]
    await store.finish(claim, State.FAILED, "no matter")


async def test_a_renewed_lease_keeps_the_session(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    claim = await claim_one(store)
    for _ in range(3):
        clock.advance(LEASE - 1)
        (claim,) = await store.renew([claim], LEASE)
    assert claim.expires_at == clock.now() + LEASE
    assert list(await store.claim("w2", LEASE, 1)) == []
    await store.finish(claim, State.FAILED, "no matter")


async def test_a_lease_counts_from_the_question_and_not_from_its_answer(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    claim = await claim_one(store)
    renewing = asyncio.create_task(store.renew([claim], LEASE))
    await asyncio.sleep(0)  # it is asked for, and not answered
    clock.advance(LEASE + 1)
    assert [each for each in await renewing if each.expires_at > clock.now()] == [], "it may be another's by now"


async def test_a_lost_lease_is_not_renewed_and_nothing_can_be_written_with_it(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    lost = await claim_one(store, "slow")
    clock.advance(LEASE + 1)
    await claim_one(store, "w2")
    assert list(await store.renew([lost], LEASE)) == []
    with pytest.raises(LeaseLost):
        await store.save_reply(lost, Reply("поздно", by="offline"))
    with pytest.raises(LeaseLost):
        await store.finish(lost, State.SENT)
    assert (await stored(store, lost.message.id)).reply is None


async def test_a_released_claim_is_as_if_it_had_never_been(store: Store) -> None:
    accepted = await store.accept(said())
    claim = await claim_one(store)
    await store.release([claim])
    message = await stored(store, accepted.message_id)
    assert (message.state, message.attempts) == (State.ACCEPTED, 0)
    assert (await claim_one(store, "w2")).message.id == accepted.message_id
    with pytest.raises(LeaseLost):
        await store.finish(claim, State.SENT)
