"""What the dispatcher does when the store goes away and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from server.conversation.dispatcher import RECOVERY_SECONDS, Dispatcher
from server.errors import StoreError
from server.models import Claim, Incoming
from server.stores.base import StoreLimits
from server.stores.memory import MemoryStore
from tests.clock import FakeClock
from tests.polling import eventually


class Unsteady(MemoryStore):
    """A store that may be away for its workers. `asked` counts what they have tried."""

    away = False
    asked = 0

    async def check(self) -> None:
        self._answer()

    async def claim(self, worker: str, lease: float, limit: int, wait: float = 0.0) -> Sequence[Claim]:
        self._answer()
        return await super().claim(worker, lease, limit, wait)

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise StoreError("away")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Unsteady:
    return Unsteady(StoreLimits(), clock)


@pytest.fixture
async def turns(store: Unsteady, clock: FakeClock) -> AsyncIterator[list[str]]:
    """The texts of the turns that a dispatcher has begun."""
    begun: list[str] = []

    async def turn(claim: Claim, must_hold: Callable[[], None]) -> None:
        begun.append(claim.message.incoming.text)

    dispatcher = Dispatcher(store, turn, "w", clock, concurrent_turns=10, lease=10)
    dispatcher.start()
    yield begun
    store.away = False
    draining = asyncio.create_task(dispatcher.drain(0))

    def done() -> bool:
        clock.advance(1)
        return draining.done()

    await eventually(done)


async def test_when_the_store_is_back_living_workers_have_time_to_record_before_anything_is_claimed(
    store: Unsteady, clock: FakeClock, turns: list[str]
) -> None:
    store.away = True

    def tried() -> int:
        clock.advance(0.6)
        return store.asked

    await eventually(tried, lambda asked: asked > 3)
    await store.accept(Incoming(user_id="anna", session_id="anna", text="Привет", token="token-of-the-salon"))
    store.away = False
    asked = store.asked
    await eventually(tried, lambda now: now > asked)
    assert turns == []
    clock.advance(RECOVERY_SECONDS)
    await eventually(lambda: turns)
    assert turns == ["Привет"]
