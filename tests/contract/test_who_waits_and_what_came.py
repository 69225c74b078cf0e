"""What every store tells a screen: who waits at this moment, what the latest turns were like, when messages came."""

from __future__ import annotations

from server.models import Event, Incoming, Reply, State, Waiting, Worker
from server.stores.base import HOURS_KEPT, Store
from tests.clock import FakeClock

LEASE = 10.0


async def accepted(store: Store, user: str = "anna") -> str:
    return (await store.accept(Incoming(user, "3120", "Привет", "token-of-the-salon"))).message_id


async def replied(store: Store, *timeline: Event, state: State = State.SENT) -> None:
    (claim,) = await store.claim("w1", LEASE, 1)
    await store.save_reply(claim, Reply("Да.", by="offline"))
    await store.finish(claim, state, timeline=timeline)


async def test_the_longest_waiting_stands_first_and_says_who_has_it(store: Store, clock: FakeClock) -> None:
    began = clock.now()
    first, second = await accepted(store, "anna"), await accepted(store, "anna")
    await store.claim("w1", LEASE, 1)
    clock.advance(5)
    third = await accepted(store, "boris")
    assert list(await store.waiting(10)) == [
        Waiting(first, "anna", State.ANSWERING, began, 1, "w1"),
        Waiting(second, "anna", State.ACCEPTED, began, 0, None),
        Waiting(third, "boris", State.ACCEPTED, began + 5, 0, None),
    ]
    assert [one.message_id for one in await store.waiting(2)] == [first, second]


async def test_who_takes_over_is_named_and_a_claim_given_back_is_nobodys(store: Store, clock: FakeClock) -> None:
    await accepted(store)
    await store.claim("w1", LEASE, 1)
    clock.advance(LEASE + 1)
    (claim,) = await store.claim("w2", LEASE, 1)
    assert [(one.worker, one.attempts) for one in await store.waiting(10)] == [("w2", 2)]
    await store.release([claim])
    assert [(one.worker, one.state) for one in await store.waiting(10)] == [(None, State.ACCEPTED)]


async def test_a_reply_on_its_way_still_waits_and_a_delivered_one_does_not(store: Store) -> None:
    await accepted(store)
    (claim,) = await store.claim("w1", LEASE, 1)
    await store.save_reply(claim, Reply("Да.", by="offline"))
    assert [(one.state, one.worker) for one in await store.waiting(10)] == [(State.ANSWERED, "w1")]
    await store.finish(claim, State.SENT)
    assert list(await store.waiting(10)) == []


async def test_the_latest_turns_are_told_latest_first_without_those_that_failed(store: Store) -> None:
    first, second = Event(1.5, "accepted"), Event(2.5, "accepted", {"seconds": 0.5})
    for timeline in ((first,), (), (second,)):
        await accepted(store)
        await replied(store, *timeline)
    await accepted(store)
    await replied(store, first, state=State.FAILED)
    assert [tuple(timeline) for timeline in await store.recent_timelines(10)] == [(second,), (first,)]
    assert [tuple(timeline) for timeline in await store.recent_timelines(1)] == [(second,)]
    await store.clear_sessions()
    assert list(await store.recent_timelines(10)) == []


async def test_messages_are_counted_by_the_hour_whatever_becomes_of_them(store: Store, clock: FakeClock) -> None:
    assert (await store.received()).last_at is None
    hour = int(clock.now() // 3600)
    await accepted(store, "anna")
    await accepted(store, "boris")
    clock.advance(2 * 3600)
    await accepted(store, "vera")
    await store.clear_sessions()
    received = await store.received()
    assert (received.last_at, received.by_hour) == (clock.now(), {hour: 2, hour + 2: 1})


async def test_a_repeated_delivery_is_no_other_message(store: Store) -> None:
    for _ in range(2):
        await store.accept(Incoming("anna", "3120", "Привет", "token-of-the-salon", external_id="7"))
    assert sum((await store.received()).by_hour.values()) == 1


async def test_what_came_is_forgotten_after_five_weeks_but_not_when_the_last_one_did(
    store: Store, clock: FakeClock
) -> None:
    await accepted(store)
    clock.advance(3600)
    await accepted(store)
    last = clock.now()
    clock.advance((HOURS_KEPT + 2) * 3600)
    await store.sweep()
    received = await store.received()
    assert received.last_at == last
    assert len(received.by_hour) <= 1


async def test_what_a_worker_costs_is_part_of_its_report(store: Store, clock: FakeClock) -> None:
    worker = Worker("w1", 7, "minsk-1", clock.now(), clock.now(), cpu=0.25, memory=80 * 2**20)
    await store.report(worker)
    assert list(await store.workers(0)) == [worker]
