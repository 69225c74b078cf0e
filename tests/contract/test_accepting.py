"""What every store promises whoever brings a message: it is there, once, or it was refused."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from server.errors import InboxFull
from server.models import State
from server.stores.base import CROWD, Store, StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock
from tests.contract.steps import answer, said, stored
from tests.polling import eventually


async def test_an_accepted_message_waits_with_everything_the_caller_said(store: Store, clock: FakeClock) -> None:
    incoming = said(external_id="33688", phone="+375291234567", name="Анна")
    accepted = await store.accept(incoming)
    message = await stored(store, accepted.message_id)
    assert not accepted.duplicate
    assert message.incoming == incoming
    assert (message.state, message.accepted_at, message.attempts) == (State.ACCEPTED, clock.now(), 0)


async def test_the_same_message_delivered_twice_is_stored_once(store: Store) -> None:
    first = await store.accept(said(external_id="1"))
    second = await store.accept(said(external_id="1"))
    assert (second.message_id, second.duplicate) == (first.message_id, True)
    session = await store.session("anna")
    assert session is not None
    assert session.messages_count == 1


async def test_the_same_id_of_another_caller_is_another_message(store: Store) -> None:
    first = await store.accept(said(user="anna", external_id="1"))
    second = await store.accept(said(user="boris", external_id="1"))
    assert not second.duplicate
    assert first.message_id != second.message_id


async def test_equal_texts_without_an_id_are_two_messages(store: Store) -> None:
    first, second = await store.accept(said("да")), await store.accept(said("да"))
    assert first.message_id != second.message_id
    assert not second.duplicate


async def test_deliveries_of_one_message_at_the_same_moment_are_stored_once(store: Store) -> None:
    accepted = await asyncio.gather(*(store.accept(said(external_id="1")) for _ in range(20)))
    assert len({one.message_id for one in accepted}) == 1
    assert sum(not one.duplicate for one in accepted) == 1


async def test_a_full_inbox_refuses_new_messages_but_recognises_old_ones(store: Store) -> None:
    for number in range(20):
        await store.accept(said(user=f"caller-{number}", external_id="1"))
    with pytest.raises(InboxFull):
        await store.accept(said(user="one-too-many"))
    with pytest.raises(InboxFull):
        await store.check()
    assert await store.session("one-too-many") is None
    assert (await store.accept(said(user="caller-7", external_id="1"))).duplicate


async def test_a_full_inbox_takes_messages_again_once_one_is_finished(store: Store) -> None:
    for number in range(20):
        await store.accept(said(user=f"caller-{number}"))
    await answer(store)
    await store.accept(said(user="the-next"))


async def test_who_floods_the_inbox_is_refused_before_others_are(store: Store) -> None:
    for number in range(5):
        await store.accept(said(external_id=str(number)))
    with pytest.raises(InboxFull, match="inbox_per_session"):
        await store.accept(said())
    assert (await store.accept(said(external_id="4"))).duplicate
    assert not (await store.accept(said(user="boris"))).duplicate
    await answer(store)
    await store.accept(said())


async def test_who_would_have_to_wait_too_long_is_refused_until_workers_have_caught_up(
    store_url: str, clock: FakeClock
) -> None:
    store = store_from_url(store_url, StoreLimits(wait=2.0), clock)
    await store.open()
    try:
        for number in range(CROWD):
            await store.accept(said(user=f"caller-{number}", external_id="1"))
        assert not (await store.accept(said(user="in time"))).duplicate
        clock.advance(3)
        callers = count()

        async def refused() -> str:
            try:
                await store.accept(said(user=f"perhaps too late {next(callers)}"))
            except InboxFull as full:
                return str(full)
            return ""

        await eventually(refused, lambda why: "limits.wait" in why)  # Redis tells by its own time how long one waits
        with pytest.raises(InboxFull, match=r"limits\.wait"):
            await store.check()
        assert (await store.accept(said(user="caller-0", external_id="1"))).duplicate
        assert len(await store.claim("worker", 10, 1000)) > CROWD
        assert not (await store.accept(said(user="after that"))).duplicate, "they are being worked on"
    finally:
        await store.close()


async def test_a_store_without_damage_has_nothing_to_say(store: Store) -> None:
    await store.accept(said())
    await store.examine()
    assert await store.check() is None
