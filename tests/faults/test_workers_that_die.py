"""A worker killed in each state of a message, frozen through its lease, or slow: nothing is lost, nothing said anew."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.daemon import documented
from tests.model_server import Completion, ModelServer, model_server
from tests.polling import eventually
from tests.ports import free_port
from tests.process import DaemonProcess, daemon_process
from tests.redis_server import RedisServer
from tests.scripted_talkme import Answer, ScriptedTalkMe

LEASE = "2"


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, folder: Path) -> str:
    """The same faults on both engines."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url
    return f"sqlite:///{folder}/iteira.db"


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as model:
        yield model


@asynccontextmanager
async def node(
    folder: Path, port: int, talkme: ScriptedTalkMe, store: str, **environment: str
) -> AsyncIterator[tuple[DaemonProcess, httpx.AsyncClient]]:
    """One worker, whose webhooks do not wait for replies."""
    variables = {"ITEIRA_STORE__URL": store, "ITEIRA_STORE__LEASE": LEASE, "ITEIRA_SERVER__REPLY_WAIT": "0.1"}
    async with (
        daemon_process(folder, port, talkme.url, environment=variables | environment) as daemon,
        httpx.AsyncClient(base_url=daemon.url, timeout=60) as client,
    ):
        yield daemon, client


async def states(client: httpx.AsyncClient, user: str = "anna") -> list[str]:
    session = (await client.get(f"/webhook/talkme/session/{user}")).json()
    return [line["state"] for line in session["transcript"]]


async def until_sent(client: httpx.AsyncClient, user: str = "anna") -> None:
    await eventually(lambda: states(client, user), lambda seen: seen == ["sent", "sent"])


def a_model_at(model: ModelServer) -> dict[str, str]:
    """Settings for a model that may take its time."""
    patience = {"ITEIRA_AGENT__STALLED": "60", "ITEIRA_AGENT__FILLER_AFTER": "0"}
    return {"OPENAI_API_KEY": "sk-for-tests", "OPENAI_BASE_URL": model.url, **patience}


async def test_killed_while_answering_another_worker_composes_the_reply(
    folder: Path, port: int, talkme: ScriptedTalkMe, store: str, model: ModelServer
) -> None:
    model.script.extend([Completion(["Сейчас", "…"], until=asyncio.Event()), Completion(["Готово."])])
    async with node(folder, port, talkme, store, **a_model_at(model)) as (daemon, client):
        await client.post("/webhook/talkme", json=documented())
        await eventually(lambda: model.requests)
        assert await states(client) == ["answering"]
        daemon.kill()
    async with node(folder, port, talkme, store, **a_model_at(model)) as (_, client):
        await until_sent(client)
    assert talkme.sent() == ["Готово."]


async def test_killed_before_talkme_answered_the_stored_reply_is_sent_again(
    folder: Path, port: int, talkme: ScriptedTalkMe, store: str, model: ModelServer
) -> None:
    model.script.append(Completion(["Одно и то же."]))
    talkme.script["send"].append(Answer(until=asyncio.Event()))
    async with node(folder, port, talkme, store, **a_model_at(model)) as (daemon, client):
        await client.post("/webhook/talkme", json=documented())
        await eventually(talkme.sent)
        assert await states(client) == ["answered", "answered"]
        daemon.kill()
    async with node(folder, port, talkme, store, **a_model_at(model)) as (_, client):
        await until_sent(client)
    assert talkme.sent() == ["Одно и то же."] * 2
    assert len(model.requests) == 1, "the model is not asked again"


async def test_killed_before_anyone_worked_on_it_the_message_is_answered_later(
    folder: Path, port: int, talkme: ScriptedTalkMe, store: str
) -> None:
    async with node(folder, port, talkme, store, ITEIRA_SERVER__ROLE="intake") as (daemon, client):
        await client.post("/webhook/talkme", json=documented())
        assert await states(client) == ["accepted"]
        daemon.kill()
    async with node(folder, port, talkme, store) as (_, client):
        await until_sent(client)
    assert len(talkme.sent()) == 1


async def test_a_worker_frozen_through_its_lease_says_nothing_when_it_wakes(
    folder: Path, port: int, talkme: ScriptedTalkMe, store: str, model: ModelServer
) -> None:
    held = asyncio.Event()
    model.script.extend([Completion(["Первый", "…"], until=held), Completion(["Второй."])])
    async with node(folder, port, talkme, store, **a_model_at(model)) as (frozen, client):
        await client.post("/webhook/talkme", json=documented())
        await eventually(lambda: model.requests)
        (pid,) = await frozen.workers()
        os.kill(pid, signal.SIGSTOP)
        async with node(folder, free_port(), talkme, store, **a_model_at(model)) as (_, other):
            await until_sent(other)
            held.set()  # what the frozen worker waited for is there when it wakes
            os.kill(pid, signal.SIGCONT)
            await eventually(lambda: "belongs to another worker" in frozen.log.read_text())
    assert talkme.sent()[0] == "Второй."
    assert "Первый…" not in talkme.sent()


async def test_a_slow_model_is_not_a_dead_worker(
    folder: Path, port: int, talkme: ScriptedTalkMe, store: str, model: ModelServer
) -> None:
    held = asyncio.Event()
    model.script.append(Completion(["Долго ", "думала."], until=held))
    slow: dict[str, Any] = a_model_at(model)
    async with (
        node(folder, port, talkme, store, **slow) as (_, client),
        node(folder, free_port(), talkme, store, **slow) as (_, other),
    ):
        await client.post("/webhook/talkme", json=documented())
        await eventually(lambda: model.requests)
        started = (await other.get("/webhook/talkme/stats")).json()["uptime"]

        async def three_leases_later() -> bool:
            stats = (await other.get("/webhook/talkme/stats")).json()
            return bool(stats["uptime"] - started > 3 * float(LEASE))

        await eventually(three_leases_later)
        assert await states(other) == ["answering"]
        held.set()
        await until_sent(other)
    assert talkme.sent() == ["Долго думала."]
    assert len(model.requests) == 1


async def test_a_worker_that_stalls_for_a_moment_keeps_its_callers(
    folder: Path, port: int, talkme: ScriptedTalkMe, store: str, model: ModelServer
) -> None:
    held = asyncio.Event()
    model.script.append(Completion(["Одну ", "минуту."], until=held))
    patient = {**a_model_at(model), "ITEIRA_STORE__LEASE": "10"}
    async with node(folder, port, talkme, store, **patient) as (stalled, client):
        await client.post("/webhook/talkme", json=documented())
        await eventually(lambda: model.requests)
        (pid,) = await stalled.workers()
        async with node(folder, free_port(), talkme, store, **patient) as (_, rival):
            os.kill(pid, signal.SIGSTOP)
            started = (await rival.get("/webhook/talkme/stats")).json()["uptime"]

            async def a_moment_later() -> bool:
                return bool((await rival.get("/webhook/talkme/stats")).json()["uptime"] - started > 2)

            await eventually(a_moment_later)
            os.kill(pid, signal.SIGCONT)
            held.set()
            await until_sent(rival)
    assert talkme.sent() == ["Одну минуту."]
    assert len(model.requests) == 1


async def test_a_second_sigterm_ends_at_once_and_loses_nothing(
    folder: Path, port: int, talkme: ScriptedTalkMe, store: str
) -> None:
    talkme.script["send"].append(Answer(until=asyncio.Event()))
    async with node(folder, port, talkme, store) as (daemon, client):
        await client.post("/webhook/talkme", json=documented())
        await eventually(talkme.sent)
        daemon.terminate()
        await eventually(lambda: "Shutting down" in daemon.log.read_text())
        assert daemon.running, "the turn under way has its grace"
        daemon.terminate()
        assert await daemon.until_ended() == 128 + signal.SIGTERM
    async with node(folder, port, talkme, store) as (_, client):
        await until_sent(client)
