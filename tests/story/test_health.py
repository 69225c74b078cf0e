"""What health says is true: soon after a part fails, and soon after it is well again, and whoever is asked."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from server.consultant.ladder import Ladder
from server.knowledge.base import Knowledge, KnowledgeStatus
from server.models import Worker
from server.observability.health import ANSWER_SECONDS, FRESH_SECONDS, Health
from server.observability.standing import Standing
from server.observability.track_record import TrackRecord
from server.stores.base import Store, StoreLimits
from server.stores.memory import MemoryStore
from tests.clock import FakeClock
from tests.daemon import documented, running_daemon, settings_for
from tests.polling import eventually
from tests.redis_server import RedisServer
from tests.scripted_talkme import Answer, ScriptedTalkMe

HEALTH = "/webhook/talkme/health"


async def told(daemon: httpx.AsyncClient, path: str = HEALTH) -> tuple[int, str]:
    answer = await daemon.get(path)
    return answer.status_code, answer.json()["status"]


async def until(daemon: httpx.AsyncClient, status: int, path: str = HEALTH) -> None:
    await eventually(lambda: told(daemon, path), lambda seen: seen[0] == status, within=5)


async def test_a_store_that_is_away_and_back_is_told_and_no_message_is_wanted_meanwhile(
    folder: Path, talkme: ScriptedTalkMe, tmp_path: Path
) -> None:
    own = RedisServer(tmp_path)
    try:
        settings = settings_for(folder, talkme.url, store={"url": own.url})
        async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as daemon:
            assert await told(daemon) == (200, "ok")
            own.stop()
            await until(daemon, 503)
            await until(daemon, 503, f"{HEALTH}/ready")
            assert await told(daemon, f"{HEALTH}/live") == (200, "ok"), "a new start would mend nothing"
            metrics = (await daemon.get("/metrics")).text
            assert 'iteira_part_status{part="store",status="unavailable"} 1.0' in metrics
            own.start()
            await until(daemon, 200)
            await until(daemon, 200, f"{HEALTH}/ready")
    finally:
        own.close()


async def test_a_database_that_somebody_else_holds_is_told_as_one_that_does_not_answer(
    folder: Path, daemon: httpx.AsyncClient
) -> None:
    with closing(sqlite3.connect(folder / "iteira.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await until(daemon, 503)
        other.execute("ROLLBACK")
        await until(daemon, 200)


async def test_many_who_ask_at_once_cost_the_store_one_look(folder: Path, daemon: httpx.AsyncClient) -> None:
    def looks() -> int:
        with closing(sqlite3.connect(folder / "iteira.db")) as db:
            return int(db.execute("SELECT value FROM counters WHERE name = 'checks'").fetchone()[0])

    before = looks()
    answers = await asyncio.gather(*(told(daemon) for _ in range(50)))
    assert set(answers) == {(200, "ok")}
    assert looks() - before < 10


async def test_a_dispatcher_that_has_died_wants_a_new_start(folder: Path, talkme: ScriptedTalkMe) -> None:
    async with (
        running_daemon(settings_for(folder, talkme.url)) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as daemon,
    ):
        assert await told(daemon, f"{HEALTH}/live") == (200, "ok")
        (loop,) = [task for task in asyncio.all_tasks() if "_keep_leases" in repr(task.get_coro())]
        loop.cancel()
        for path in (HEALTH, f"{HEALTH}/live", f"{HEALTH}/ready"):
            await until(daemon, 503, path)


async def test_a_failure_that_another_worker_has_met_is_told_by_all_and_so_is_its_end(clock: FakeClock) -> None:
    async with two_workers(clock) as (one, other):
        one.delivery.failed("customBot/send: HTTP 502")
        await one.report()
        clock.advance(FRESH_SECONDS)
        for asked, detail in ((one, "HTTP 502"), (other, "another worker")):
            check = (await asked.health.checks())["talkme"]
            assert (check.status, detail in check.detail) == ("degraded", True)
        clock.advance(1)
        other.delivery.succeeded()
        await other.report()
        clock.advance(FRESH_SECONDS)
        for asked in (one, other):
            assert (await asked.health.checks())["talkme"].status == "ok"


async def test_a_stopping_process_wants_no_more_messages(clock: FakeClock) -> None:
    async with two_workers(clock) as (one, _):
        one.accepting = False
        assert (await one.health.ready())["accepting"].status == "unavailable"
        assert {check.status for check in one.health.live().values()} == {"ok"}


class FrozenStore(MemoryStore):
    async def check(self) -> None:
        await asyncio.Event().wait()


async def test_who_asks_while_the_store_is_frozen_waits_for_no_look_but_the_one_under_way(clock: FakeClock) -> None:
    asked = OneWorker("w1", FrozenStore(StoreLimits(), clock), clock)
    all_told = asyncio.gather(*(asked.health.ready() for _ in range(10)))
    await eventually(lambda: clock.sleepers)
    clock.advance(ANSWER_SECONDS)
    await eventually(all_told.done)
    assert {told["store"].status for told in await all_told} == {"unavailable"}


async def test_one_that_only_receives_tells_that_nobody_answers(clock: FakeClock) -> None:
    store = MemoryStore(StoreLimits(), clock)
    health = Health(
        store, cast(Knowledge, Nothing()), cast(Ladder, Asked(clock)), TrackRecord(clock), clock, answering=False
    )
    assert (await health.checks())["workers"].status == "degraded"
    now = clock.now()
    await store.report(Worker("w1", 1, "host", now, now, gauges={"role|worker": 1.0}))
    clock.advance(FRESH_SECONDS)
    assert (await health.checks())["workers"].status == "ok"


async def test_health_names_nobody_and_repeats_nothing_that_talkme_says(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].extend([Answer(body={"success": False, "error": {"descr": "token: не Анна +375291234567"}})])
    await daemon.post("/webhook/talkme", json=documented("Меня зовут Анна"))
    answer = (await daemon.get(HEALTH)).text
    assert "degraded" in answer
    assert not [word for word in ("Анна", "375291234567", "anna") if word in answer]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class Nothing:
    """A knowledge base without anything in it."""

    def status(self) -> KnowledgeStatus:
        return KnowledgeStatus(True, 0, 0, None, "none")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


class Asked:
    """A ladder of one consultant that is well."""

    name, trouble = "offline", None

    def __init__(self, clock: FakeClock) -> None:
        self.record, self.circuits = TrackRecord(clock), dict[str, bool]()


class OneWorker:
    def __init__(self, name: str, store: Store, clock: FakeClock) -> None:
        self.accepting = True
        self._name, self._store, self._clock = name, store, clock
        self.delivery, ladder = TrackRecord(clock), cast(Ladder, Asked(clock))
        knowledge = cast(Knowledge, Nothing())
        self.health = Health(store, knowledge, ladder, self.delivery, clock, accepting=lambda: self.accepting)
        self._standing = Standing("all", knowledge, ladder, self.delivery, answering=True)

    async def report(self) -> None:
        now = self._clock.now()
        await self._store.report(Worker(self._name, 1, "host", now, now, gauges=self._standing.gauges()))


@asynccontextmanager
async def two_workers(clock: FakeClock) -> AsyncIterator[tuple[OneWorker, OneWorker]]:
    store = MemoryStore(StoreLimits(), clock)
    yield OneWorker("w1", store, clock), OneWorker("w2", store, clock)
