"""What is done again and again for as long as a process lives outlasts what nobody has thought of."""

from __future__ import annotations

from typing import cast

import pytest

from server.conversation.housekeeping import ROUND_SECONDS, Housekeeper
from server.models import Swept
from server.observability.presence import REPORT_SECONDS, Heartbeat, this_worker
from server.observability.tally import Tally
from server.stores.base import Sessions, StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock
from tests.polling import eventually


class Surprise(Exception):
    """Our own error."""


class SweptInVainOnce:
    """A store of which nothing but sweeping is asked, that fails the first time in a way it does not promise."""

    rounds = 0

    async def sweep(self) -> Swept:
        self.rounds += 1
        if self.rounds == 1:
            raise Surprise
        return Swept(closed_sessions=100, removed_messages=0, removed_sessions=0)


async def test_housekeeping_goes_on_after_an_error_of_our_own(caplog: pytest.LogCaptureFixture) -> None:
    clock, sessions = FakeClock(), SweptInVainOnce()
    caplog.set_level("INFO")
    housekeeper = Housekeeper(cast(Sessions, sessions), clock)
    housekeeper.start()
    for _ in ("in vain", "well"):
        await eventually(lambda: clock.sleepers)
        clock.advance(ROUND_SECONDS)
    await eventually(lambda: caplog.text, lambda said: "100 sessions closed" in said)
    assert "our own error" in caplog.text
    await housekeeper.stop()


async def test_a_worker_goes_on_reporting_itself_after_an_error_of_our_own() -> None:
    clock, store = FakeClock(), store_from_url("memory://", StoreLimits(), FakeClock())
    errors: list[Exception] = [Surprise()]

    def turns() -> int:
        if errors:
            raise errors.pop()
        return 7

    await store.open()
    heartbeat = Heartbeat(
        store, this_worker(clock, "offline"), clock, turns=turns, refused={}, tally=Tally(), gauges=dict
    )
    heartbeat.start()
    await eventually(lambda: clock.sleepers)
    clock.advance(REPORT_SECONDS)

    async def reported() -> list[int]:
        return [worker.turns for worker in await store.workers(0.0)]

    await eventually(reported, lambda seen: seen == [7])
    await heartbeat.stop()
    await store.close()
