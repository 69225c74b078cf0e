"""What can be done in every store about messages that were not answered."""

from __future__ import annotations

from server.models import Reply, State
from server.stores.base import Store
from tests.clock import FakeClock
from tests.contract.steps import claim_one, said


async def test_dead_letters_are_listed_with_their_reason_and_can_be_tried_again(store: Store, clock: FakeClock) -> None:
    for user, state in (("anna", State.FAILED), ("boris", State.EXPIRED), ("vera", State.SENT)):
        await store.accept(said(user=user))
        claim = await claim_one(store)
        await store.save_reply(claim, Reply(f"Ответ для {user}", by="offline"))
        await store.finish(claim, state, f"reason of {user}")
        clock.advance(60)
    boris, anna = await store.dead(10)
    assert [(message.incoming.user_id, message.reason, message.attempts) for message in (anna, boris)] == [
        ("anna", "reason of anna", 1),
        ("boris", "reason of boris", 1),
    ]
    assert list(await store.dead(10, since=clock.now() - 150)) == [boris]
    assert list(await store.dead(10, since=clock.now() - 150, oldest_first=True)) == [boris]
    assert list(await store.dead(1, oldest_first=True)) == [anna]
    assert list(await store.dead(10, oldest_first=True)) == [anna, boris]
    assert await store.retry(boris.id)
    assert not await store.retry(boris.id)
    assert list(await store.dead(10)) == [anna]
    again = await claim_one(store)
    assert (again.message.id, again.message.state, again.message.reply) == (boris.id, State.ANSWERED, boris.reply)
    assert again.message.waiting_since == clock.now(), "its age counts from the retry, else it would expire again"
    assert again.message.accepted_at == boris.accepted_at, "when it was said does not change"


async def test_a_dropped_dead_letter_is_gone_and_nothing_else_can_be_dropped(store: Store) -> None:
    accepted = await store.accept(said())
    assert not await store.drop(accepted.message_id)
    await store.finish(await claim_one(store), State.FAILED, "TalkMe is away")
    assert await store.drop(accepted.message_id)
    assert list(await store.dead(10)) == []
    assert not await store.drop(accepted.message_id)
    assert not await store.retry("no such id")
