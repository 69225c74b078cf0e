"""What becomes of a message in every store once somebody has answered it, or given it up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.errors import LeaseLost
from server.models import Reply, State
from server.stores.base import Store
from tests.clock import FakeClock
from tests.contract.steps import LEASE, claim_one, said, stored


async def test_a_stored_reply_survives_its_worker(store: Store, clock: FakeClock) -> None:
    await store.accept(said())
    await store.save_reply(await claim_one(store), Reply("Маникюр стоит 60 рублей.", by="offline"))
    clock.advance(LEASE + 1)
    taken = await claim_one(store, "w2")
    assert taken.message.state is State.ANSWERED
    assert taken.message.reply == Reply("Маникюр стоит 60 рублей.", by="offline")


@pytest.mark.parametrize("state", [State.SENT, State.FAILED, State.EXPIRED])
async def test_a_finished_message_is_never_claimed_again(store: Store, clock: FakeClock, state: State) -> None:
    accepted = await store.accept(said())
    claim = await claim_one(store)
    await store.finish(claim, state, "because")
    clock.advance(LEASE * 100)
    assert list(await store.claim("w2", LEASE, 1)) == []
    message = await stored(store, accepted.message_id)
    assert (message.state, message.reason) == (state, "because")
    with pytest.raises(LeaseLost):
        await store.finish(claim, State.SENT)


async def test_a_failed_message_sent_again_is_tried_again_with_its_stored_reply(store: Store) -> None:
    await store.accept(said(external_id="1"))
    claim = await claim_one(store)
    await store.save_reply(claim, Reply("Да", by="offline"))
    await store.finish(claim, State.FAILED, "TalkMe is away")
    mended = replace(said(external_id="1"), token="the-right-token")
    again = await store.accept(mended)
    assert (again.message_id, again.duplicate) == (claim.message.id, True)
    message = (await claim_one(store)).message
    assert (message.incoming.token, message.attempts) == ("the-right-token", 1)
    assert (message.state, message.reply, message.reason) == (State.ANSWERED, Reply("Да", by="offline"), None)
