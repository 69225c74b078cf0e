"""Whatever happens in whatever order, no message is lost, done twice, or done before an older one of its session."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from server.errors import LeaseLost
from server.models import Claim, Incoming, Reply, State
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock
from tests.redis_server import RedisClock, RedisServer

T = TypeVar("T")
LEASE = 10.0


class Inbox(RuleBasedStateMachine):
    """Accepts, claims, crashes, expiries and outcomes, interleaved at random, against a model of three sessions."""

    claims = Bundle("claims")

    def __init__(self, url: str, clock: FakeClock) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = clock
        self.store: Store = store_from_url(url, StoreLimits(inbox=1000), clock)
        self.run(self.store.open())
        self.waiting: dict[str, list[str]] = {"anna": [], "boris": [], "vera": []}
        self.finished: set[str] = set()
        self.holders: dict[str, Claim] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()

    @rule(user=st.sampled_from(["anna", "boris", "vera"]))
    def accept(self, user: str) -> None:
        incoming = Incoming(user_id=user, session_id=user, text="Привет", token="token-of-the-salon")
        self.waiting[user].append(self.run(self.store.accept(incoming)).message_id)

    @rule(target=claims, limit=st.integers(min_value=1, max_value=3))
    def claim(self, limit: int) -> Any:
        taken = self.run(self.store.claim("w", LEASE, limit))
        for claim in taken:
            holder = self.holders.get(claim.user_id)
            assert holder is None or holder.expires_at <= self.clock.now(), "two workers on one session"
            assert claim.message.id == self.waiting[claim.user_id][0], "not the oldest message of its session"
            self.holders[claim.user_id] = claim
        return multiple(*taken)

    @rule(claim=claims)
    def answer(self, claim: Claim) -> None:
        if self.allowed(claim, self.store.save_reply(claim, Reply(f"ответ {claim.fence}", by="offline"))):
            stored = self.run(self.store.message(claim.message.id))
            assert stored is not None
            assert stored.reply == Reply(f"ответ {claim.fence}", by="offline")

    @rule(claim=consumes(claims), state=st.sampled_from([State.SENT, State.FAILED, State.EXPIRED]))
    def finish(self, claim: Claim, state: State) -> None:
        if self.allowed(claim, self.store.finish(claim, state)):
            assert claim.message.id not in self.finished, "done twice"
            self.finished.add(claim.message.id)
            self.waiting[claim.user_id].remove(claim.message.id)
            del self.holders[claim.user_id]

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        kept = self.run(self.store.renew([claim], LEASE))
        assert bool(kept) == self.held(claim)
        if kept:
            self.holders[claim.user_id] = kept[0]

    @rule(claim=consumes(claims))
    def release(self, claim: Claim) -> None:
        self.run(self.store.release([claim]))
        if self.held(claim):
            del self.holders[claim.user_id]

    @rule(seconds=st.sampled_from([1.0, LEASE / 2, LEASE + 1]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def nothing_is_lost(self) -> None:
        totals = self.run(self.store.totals(0))
        assert totals.queue_depth == sum(len(ids) for ids in self.waiting.values())

    def held(self, claim: Claim) -> bool:
        holder = self.holders.get(claim.user_id)
        return holder is not None and holder.fence == claim.fence

    def allowed(self, claim: Claim, write: Coroutine[Any, Any, None]) -> bool:
        """Whether a write went through; it must exactly where its claim is the latest one."""
        try:
            self.run(write)
        except LeaseLost:
            assert not self.held(claim), "a claim that nobody took over was refused"
            return False
        assert self.held(claim), "a claim that was taken over could still write"
        return True


def explore(machine: Callable[[], Inbox], examples: int) -> None:
    run_state_machine_as_test(
        machine,  # type: ignore[arg-type]  # any factory will do
        settings=settings(max_examples=examples, stateful_step_count=40, deadline=None),
    )


def test_in_memory() -> None:
    explore(lambda: Inbox("memory://", FakeClock()), examples=60)


def test_in_sqlite(tmp_path: Path) -> None:
    files = itertools.count()
    explore(lambda: Inbox(f"sqlite:///{tmp_path}/{next(files)}.db", FakeClock()), examples=20)


def test_in_redis(redis_server: RedisServer) -> None:
    def empty() -> Inbox:
        redis_server.client.flushall()
        return Inbox(redis_server.url, RedisClock(redis_server))

    explore(empty, examples=20)
