"""A filler that TalkMe is slow to take, and the reply that is not to be said over it."""

from __future__ import annotations

import asyncio

from server.conversation.delivery import FILLER_SECONDS, Filler
from server.models import Claim
from server.observability.timeline import Timeline
from server.outgoing import Outgoing
from server.stores.base import StoreLimits
from server.stores.memory import MemoryStore
from server.talkme.client import TalkMeClient
from tests.clock import FakeClock
from tests.contract.steps import claim_one, said
from tests.polling import eventually
from tests.scripted_talkme import Answer, scripted_talkme


async def claimed(clock: FakeClock) -> Claim:
    store = MemoryStore(StoreLimits(), clock)
    await store.accept(said())
    return await claim_one(store)


async def test_a_reply_waits_for_a_filler_on_its_way_in_the_time_of_the_daemon() -> None:
    clock, taken = FakeClock(), asyncio.Event()
    timeline = Timeline(clock)
    async with scripted_talkme() as talkme:
        talkme.script["send"].append(Answer(until=taken))
        client = TalkMeClient(Outgoing(talkme.url, connections=1), clock, timeout=60)
        async with Filler(client, clock, 2, "Минутку.").ready(await claimed(clock), lambda: None, timeline) as quiet:
            clock.advance(2)
            await eventually(talkme.sent)
            before = clock.sleepers
            waiting = asyncio.ensure_future(quiet())
            await eventually(lambda: clock.sleepers > before)
            assert not waiting.done()
            clock.advance(FILLER_SECONDS)
            await waiting
        await client.close()
        taken.set()
    assert [(event.what, event.details) for event in timeline.events] == [("filler", {"outcome": "not taken"})]


async def test_a_turn_that_is_out_of_time_waits_for_no_filler() -> None:
    clock, taken = FakeClock(), asyncio.Event()
    timeline = Timeline(clock)

    async def turn(claim: Claim) -> None:
        async with clock.timeout(3), Filler(client, clock, 2, "Минутку.").ready(claim, lambda: None, timeline):
            await asyncio.Event().wait()

    async with scripted_talkme() as talkme:
        talkme.script["send"].append(Answer(until=taken))
        client = TalkMeClient(Outgoing(talkme.url, connections=1), clock, timeout=60)
        out_of_time = asyncio.create_task(turn(await claimed(clock)))
        await eventually(lambda: clock.sleepers > 1)
        clock.advance(2)
        await eventually(talkme.sent)
        clock.advance(1)
        await eventually(out_of_time.done)
        assert isinstance(out_of_time.exception(), TimeoutError)
        await client.close()
        taken.set()
    assert [(event.what, event.details) for event in timeline.events] == [("filler", {"outcome": "not taken"})]
