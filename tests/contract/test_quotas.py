"""What every store promises about limits: they are counted in the step that accepts, so they hold for all processes."""

from __future__ import annotations

import asyncio

import pytest

from server.errors import InboxFull, TooMany
from server.models import Accepted, Incoming, Quota, State
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock

ANNA = Quota("per_user", "per_user:anna", 3, 60.0)
BORIS = Quota("per_user", "per_user:boris", 3, 60.0)
ADDRESS = Quota("per_address", "per_address:salon", 5, 10.0)


async def accept(store: Store, *quotas: Quota, user: str = "anna", external_id: str | None = None) -> Accepted:
    return await store.accept(Incoming(user, "3120", "Привет", "token-of-the-salon", external_id), quotas)


async def refused(store: Store, *quotas: Quota, user: str = "anna") -> TooMany:
    with pytest.raises(TooMany) as caught:
        await accept(store, *quotas, user=user)
    return caught.value


async def test_what_is_over_a_quota_is_not_accepted_and_told_when_it_may_be(store: Store, clock: FakeClock) -> None:
    for _ in range(3):
        await accept(store, ANNA)
    clock.advance(20)
    too_many = await refused(store, ANNA)
    assert (too_many.name, too_many.limit, too_many.window) == ("per_user", 3, 60.0)
    assert too_many.retry_after == pytest.approx(40, abs=1)
    assert len(await store.waiting(10)) == 3


async def test_a_window_begins_anew_when_it_has_passed(store: Store, clock: FakeClock) -> None:
    for _ in range(3):
        await accept(store, ANNA)
    await refused(store, ANNA)
    clock.advance(60.1)
    await accept(store, ANNA)


async def test_a_process_that_looked_at_the_clock_a_little_earlier_counts_with_the_others(
    store: Store, clock: FakeClock
) -> None:
    for _ in range(3):
        await accept(store, ANNA)
        clock.advance(-2)
    await refused(store, ANNA)


async def test_who_is_refused_by_one_quota_spends_nothing_of_the_others(store: Store) -> None:
    for _ in range(3):
        await accept(store, ANNA, ADDRESS)
    for _ in range(10):
        assert (await refused(store, ANNA, ADDRESS)).name == "per_user"
    for _ in range(2):
        await accept(store, BORIS, ADDRESS, user="boris")
    assert (await refused(store, BORIS, ADDRESS, user="boris")).name == "per_address"
    await accept(store, BORIS, user="boris")


async def test_a_known_message_comes_again_whatever_is_spent(store: Store) -> None:
    first = await accept(store, ANNA, external_id="1")
    for number in (2, 3):
        await accept(store, ANNA, external_id=str(number))
    again = await accept(store, ANNA, external_id="1")
    assert (again.message_id, again.duplicate) == (first.message_id, True)


async def test_a_message_that_is_not_stored_counts_nowhere(store: Store) -> None:
    for _ in range(5):
        await accept(store)
    for _ in range(5):
        with pytest.raises(InboxFull):
            await accept(store, ANNA)
    (claim,) = await store.claim("w1", 10.0, 1)
    await store.finish(claim, State.EXPIRED)
    await accept(store, ANNA)


@pytest.mark.parametrize("store_url", ["sqlite", "redis"], indirect=True)  # the other one is a process's own
async def test_quotas_hold_for_all_processes_together(store: Store, store_url: str, clock: FakeClock) -> None:
    other = store_from_url(store_url, StoreLimits(), clock)
    await other.open()
    taken = await asyncio.gather(
        *(accept(each, ANNA, user=f"user-{number}") for number in range(5) for each in (store, other)),
        return_exceptions=True,
    )
    await other.close()
    assert [type(each) for each in taken].count(Accepted) == 3
    assert [type(each) for each in taken].count(TooMany) == 7


async def test_housekeeping_takes_spent_windows_away(store: Store, clock: FakeClock) -> None:
    for _ in range(3):
        await accept(store, ANNA)
    await store.sweep()
    await refused(store, ANNA)
    clock.advance(61)
    await store.sweep()
    await accept(store, ANNA)
