"""What can happen to Redis and on the way to it, and what the store makes of it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server.clock import SystemClock
from server.errors import StoreError
from server.models import Incoming, Outcome, State, Worker
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from server.stores.redis.connection import connect
from server.stores.redis.script import Script
from server.stores.waiting import Outcomes
from tests.polling import eventually
from tests.redis_server import RedisClock, RedisServer
from tests.tcp_proxy import tcp_proxy


def said(user: str = "anna") -> Incoming:
    return Incoming(user_id=user, session_id="3120", text="да", token="token-of-the-salon")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = store_from_url(url, StoreLimits(), SystemClock())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def test_a_connection_that_breaks_before_redis_has_answered_does_not_double_the_message(
    redis_server: RedisServer,
) -> None:
    async with tcp_proxy(redis_server.port) as proxy, opened(f"redis://127.0.0.1:{proxy.port}/0") as store:
        proxy.swallow = 1
        accepted = await store.accept(said())
        assert proxy.swallow == 0
        assert not accepted.duplicate
        assert (await store.totals(0)).queue_depth == 1
        again = await store.accept(said())
        assert again.message_id != accepted.message_id, "«да», «да» are two messages"


async def test_a_claim_that_is_answered_late_has_ended_when_redis_gives_its_session_to_another(
    redis_server: RedisServer,
) -> None:
    clock = RedisClock(redis_server)
    store = store_from_url(redis_server.url, StoreLimits(), clock)
    await store.open()
    await store.accept(said())
    claiming = asyncio.create_task(store.claim("stopped", 10, 1))
    await asyncio.sleep(0)  # it is asked for, and not answered
    clock.advance(11)
    (late,) = await claiming
    assert late.expires_at <= clock.now()
    await store.close()


async def test_a_ticket_that_another_has_taken_over_is_worth_nothing_to_whoever_read_it_first(
    redis_server: RedisServer,
) -> None:
    async with opened(redis_server.url) as store, opened(redis_server.url) as other:
        await store.accept(said())
        # It is stopped between the reading of its ticket and what it makes of it.
        read: Any = redis_server.client.xreadgroup("workers", "late", {"iteira:inbox": ">"})
        ticket = read[0][1][0][0]
        redis_server.age_tickets(11)
        (claim,) = await other.claim("w2", 10, 1)
        async with connect(redis_server.url) as redis:
            redeem = {"user": "anna", "ticket": ticket, "worker": "late", "now": "0.0", "history": 3}
            assert not await Script(redis, "iteira").run("redeem", **redeem)
        assert len(await other.renew([claim], 10)) == 1


async def test_a_session_that_cannot_be_read_keeps_nobody_from_the_others(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(redis_server.url) as store:
        for user in ("anna", "boris", "vera"):
            await store.accept(said(user=user))
        redis_server.client.set("iteira:queue:boris", "damaged")
        assert [claim.user_id for claim in await store.claim("w1", 10, 3)] == ["anna", "vera"]
        assert "boris" in caplog.text


async def test_a_claim_of_which_nothing_comes_says_why(redis_server: RedisServer) -> None:
    async with opened(redis_server.url) as store:
        await store.accept(said())
        redis_server.client.set("iteira:queue:anna", "damaged")
        with pytest.raises(StoreError, match="Redis"):
            await store.claim("w1", 10, 3)


async def test_a_message_that_waits_again_is_not_forgotten_though_a_thousand_came_after_it(
    redis_server: RedisServer,
) -> None:
    async with opened(redis_server.url) as store:
        for _ in range(1000):
            await store.accept(said())
            (claim,) = await store.claim("w1", 10, 1)
            await store.finish(claim, State.FAILED)
        assert await store.retry("1")
        await store.accept(said())
        (claim,) = await store.claim("w1", 10, 1)
        assert claim.message.id == "1"
        assert await store.message("2") is None, "the oldest that does not wait is forgotten in its place"


async def test_a_message_whose_fields_are_lost_keeps_none_behind_it(redis_server: RedisServer) -> None:
    async with opened(redis_server.url) as store:
        lost, behind = [(await store.accept(said())).message_id for _ in range(2)]
        redis_server.client.delete(f"iteira:message:{lost}")
        (claim,) = await store.claim("w1", 10, 1)
        assert claim.message.id == behind
        assert (await store.totals(0)).queue_depth == 1


async def test_a_redis_that_is_away_takes_nothing_and_afterwards_everything(redis_server: RedisServer) -> None:
    async with opened(redis_server.url) as store:
        redis_server.stop()
        try:
            with pytest.raises(StoreError, match="Redis"):
                await store.accept(said())
        finally:
            redis_server.start()
        await store.accept(said())
        assert (await store.totals(0)).queue_depth == 1


async def test_an_empty_replica_in_its_place_is_told(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(redis_server.url) as store:
        await store.accept(said())
        redis_server.client.flushall()
        assert "lost its data" in str(await store.check())
        assert [record.levelno for record in caplog.records if "lost its data" in record.message] == [logging.ERROR]
        assert "lost its data" in str(await store.check()), "for an hour, not once"


async def test_a_message_is_not_told_the_outcome_of_one_that_had_its_id_before_redis_lost_its_data(
    redis_server: RedisServer,
) -> None:
    async with opened(redis_server.url) as store, opened(redis_server.url) as other:
        accepted = await other.accept(said())
        (claim,) = await other.claim("w1", 10, 1)
        waiting = asyncio.create_task(other.outcome(accepted.message_id, 8))
        await other.finish(claim, State.FAILED)
        await waiting  # it was published, and reached both
        redis_server.client.flushall()
        assert "lost its data" in str(await store.check())
        again = await store.accept(said())
        assert again.message_id == accepted.message_id
        assert await store.outcome(again.message_id, 0.1) is None


async def test_a_replica_that_lagged_behind_is_told(redis_server: RedisServer) -> None:
    async with opened(redis_server.url) as store:
        await store.check()
        redis_server.client.hset("iteira:counters", "checks", 0)
        assert "earlier state" in str(await store.check())


async def test_a_worker_that_was_killed_is_forgotten_after_a_day(redis_server: RedisServer) -> None:
    now = SystemClock().now()
    dead, alive = Worker("dead", 1, "host", now - 90_000, now - 90_000), Worker("alive", 2, "host", now, now)
    async with opened(redis_server.url) as store:
        for worker in (dead, alive):
            await store.report(worker)
        await store.sweep()
        assert [worker.id for worker in await store.workers(0)] == ["alive"]


async def test_a_report_of_a_newer_program_is_read_as_far_as_it_is_known(redis_server: RedisServer) -> None:
    async with opened(redis_server.url) as store:
        await store.report(Worker("alive", 2, "host", 1.0, 2.0))
        report = json.loads(str(redis_server.client.hget("iteira:workers", "alive")))
        redis_server.client.hset("iteira:workers", "alive", json.dumps({**report, "mood": "fine"}))
        assert [worker.pid for worker in await store.workers(0)] == [2]


async def test_a_redis_that_keeps_nothing_or_evicts_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    careless = RedisServer(tmp_path, "--appendonly", "no", "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
    try:
        async with opened(careless.url):
            pass
    finally:
        careless.close()
    assert "set appendonly yes" in caplog.text
    assert "set maxmemory-policy noeviction" in caplog.text


async def test_a_redis_without_memory_left_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    full = RedisServer(tmp_path)
    try:
        async with opened(full.url) as store:
            await store.accept(said())
            full.client.config_set("maxmemory", 1)
            with pytest.raises(StoreError, match="maxmemory"):
                await store.accept(said())
            full.client.config_set("maxmemory", 0)
            await store.accept(said())
            assert (await store.totals(0)).queue_depth == 2
    finally:
        full.close()


async def test_outcomes_are_told_again_after_redis_has_been_away_for_several_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.stores.redis.listener.RECONNECT_SECONDS", 0.01)
    attempts = 0

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.close()

    redis = RedisServer(tmp_path)
    try:
        async with opened(redis.url) as store:
            redis.stop()
            async with await asyncio.start_server(refuse, "127.0.0.1", redis.port):
                await eventually(lambda: attempts > 5)
            redis.start()
            accepted = await eventually(lambda: _accepted(store))
            waiting = asyncio.create_task(store.outcome(accepted, 10))
            (claim,) = await eventually(lambda: store.claim("w1", 10, 1))
            await store.finish(claim, State.SENT)
            outcome = await waiting
            assert outcome is not None
            assert outcome.state is State.SENT
    finally:
        redis.close()


async def _accepted(store: Store) -> str | None:
    """None while Redis is not back."""
    try:
        return (await store.accept(said())).message_id
    except StoreError:
        return None


async def test_an_outcome_that_was_told_while_nobody_listened_is_found_though_others_keep_coming(
    redis_server: RedisServer,
) -> None:
    another = json.dumps({"id": "another", "state": "sent"})
    async with opened(redis_server.url) as store, opened(redis_server.url) as other:
        accepted = await store.accept(said())
        waiting = asyncio.create_task(store.outcome(accepted.message_id, 8))
        (claim,) = await other.claim("w1", 10, 1)
        redis_server.client.client_kill_filter(_type="pubsub")
        await other.finish(claim, State.SENT)

        def told() -> bool:
            redis_server.client.publish("iteira:outcomes", another)
            return waiting.done()

        await eventually(told)
        outcome = await waiting
        assert outcome is not None
        assert outcome.state is State.SENT


async def test_outcomes_are_told_though_others_were_published_that_nobody_here_understands(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(redis_server.url) as store:
        accepted = await store.accept(said())
        waiting = asyncio.create_task(store.outcome(accepted.message_id, 8))
        redis_server.client.publish("iteira:outcomes", "damaged")
        await eventually(lambda: "our own error" in caplog.text)
        newer = {"id": accepted.message_id, "state": "sent", "finish": "A_WAY_TO_END_OF_LATER"}
        redis_server.client.publish("iteira:outcomes", json.dumps(newer))
        assert await waiting == Outcome(accepted.message_id, State.SENT)


async def test_a_redis_that_hangs_is_away_after_three_seconds(redis_server: RedisServer) -> None:
    async with opened(redis_server.url) as store:
        accepted = await store.accept(said())
        os.kill(redis_server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreError, match="no answer within 3 s"):
                await store.message(accepted.message_id)
        finally:
            os.kill(redis_server.pid, signal.SIGCONT)
        assert await eventually(lambda: store.message(accepted.message_id)) is not None


async def test_an_outcome_that_was_never_told_is_found_though_others_keep_coming(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.stores.redis.listener.LOOK_SECONDS", 0.1)
    another = json.dumps({"id": "another", "state": "sent"})
    async with opened(redis_server.url) as store:
        accepted = await store.accept(said())
        waiting = asyncio.create_task(store.outcome(accepted.message_id, 8))
        redis_server.client.hset(f"iteira:message:{accepted.message_id}", "state", "sent")

        def told() -> bool:
            redis_server.client.publish("iteira:outcomes", another)
            return waiting.done()

        await eventually(told)
        assert await waiting is not None


async def test_an_outcome_that_is_told_before_its_message_is_known_to_be_stored_is_kept() -> None:
    outcomes = Outcomes(SystemClock())
    outcomes.tell(Outcome("1", State.SENT))
    outcomes.began("1")
    assert await outcomes.wait("1", 0.0, _nothing) == Outcome("1", State.SENT)


async def test_of_a_message_that_came_again_its_old_outcome_is_not_told() -> None:
    outcomes = Outcomes(SystemClock())
    outcomes.tell(Outcome("1", State.FAILED))
    assert await outcomes.wait("1", 0.0, _nothing) is None


async def _nothing() -> None:
    """What the store says of it."""
