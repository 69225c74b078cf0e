"""Several nodes on one Redis: any of them may receive, answer, be stopped and started."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from server.conversation.dispatcher import RENEWED
from tests.daemon import documented
from tests.load_balancer import load_balancer
from tests.polling import eventually
from tests.ports import free_port
from tests.process import DaemonProcess, daemon_process
from tests.redis_server import RedisServer
from tests.scripted_talkme import Answer, ScriptedTalkMe

CALLERS, MESSAGES = 20, 6


async def test_what_one_node_receives_another_answers_and_the_webhook_still_learns_the_outcome(
    folder: Path, talkme: ScriptedTalkMe, redis_server: RedisServer
) -> None:
    async with (
        daemon_process(folder, free_port(), talkme.url, "--role", "intake", "--store", redis_server.url) as intake,
        daemon_process(folder, free_port(), talkme.url, "--role", "worker", "--store", redis_server.url) as worker,
        httpx.AsyncClient(timeout=60) as client,
    ):
        answer = await client.post(f"{intake.url}/webhook/talkme", json=documented("До свидания"))
        assert answer.json()["message"] == "Сообщение отправлено"
        assert answer.json()["end_conversation"] is True
        assert (await client.post(f"{worker.url}/webhook/talkme", json=documented())).status_code == 404

        async def health() -> dict[str, Any]:
            told: dict[str, Any] = (await client.get(f"{intake.url}/webhook/talkme/health")).json()
            return told

        told = await eventually(health, lambda seen: seen["status"] == "ok")  # a busy machine may be slow to answer it
        assert list(told["checks"]) == ["store", "webhooks", "workers"]


async def deliver(client: httpx.AsyncClient, url: str, caller: int, number: int) -> None:
    """As TalkMe does: the same message again until it is taken."""
    body = documented(
        f"меня зовут Анна {number}",
        f"caller-{caller}",
        token=f"token-of-caller-{caller}",
        originalOnlineChatMessage={"id": number, "dialogId": caller},
    )
    for _ in range(200):
        with suppress(httpx.TransportError):
            answer = await client.post(f"{url}/webhook/talkme", json=body)
            if answer.status_code == 200:
                return
        await asyncio.sleep(0.05)  # the pause of a sender whose message was refused
    raise AssertionError(f"message {number} of caller {caller} was never taken")


async def test_a_rolling_restart_behind_a_load_balancer_loses_and_doubles_nothing(
    folder: Path, talkme: ScriptedTalkMe, redis_server: RedisServer
) -> None:
    ports = [free_port(), free_port()]

    async def call(client: httpx.AsyncClient, url: str, caller: int) -> None:
        for number in range(MESSAGES):
            await deliver(client, url, caller, number)

    async with AsyncExitStack() as stack, httpx.AsyncClient(timeout=60) as client:

        async def start(port: int) -> DaemonProcess:
            return await stack.enter_async_context(
                daemon_process(folder, port, talkme.url, "--store", redis_server.url)
            )

        def heard_more_than(count: int) -> bool:
            return len(talkme.of("send")) > count

        nodes = [await start(port) for port in ports]
        url = await stack.enter_async_context(load_balancer(folder, *ports))
        load = asyncio.gather(*(call(client, url, caller) for caller in range(CALLERS)))
        for index, port in enumerate(ports):
            await eventually(partial(heard_more_than, 20 * (index + 1)))
            nodes[index].terminate()
            await nodes[index].until_ended()
            nodes[index] = await start(port)
        await load
        stats = (await client.get(f"{nodes[0].url}/webhook/talkme/stats")).json()
    heard = defaultdict(list)
    for call_ in talkme.of("send"):
        heard[call_.token].append(call_.body["content"]["text"])
    assert (stats["messages_processed"], stats["errors"]) == (CALLERS * MESSAGES, 0)
    assert len(heard) == CALLERS
    assert {len(replies) for replies in heard.values()} == {MESSAGES}


async def test_redis_away_for_a_while_refuses_and_then_answers_everything_it_took(
    folder: Path, talkme: ScriptedTalkMe, tmp_path: Path
) -> None:
    (tmp_path / "redis").mkdir()
    redis = RedisServer(tmp_path / "redis")
    statuses: list[int] = []
    stop = asyncio.Event()

    async def load(client: httpx.AsyncClient, url: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            body = documented(f"меня зовут Анна {number}", f"caller-{number}", token=f"token-of-caller-{number}")
            statuses.append((await client.post(f"{url}/webhook/talkme", json=body)).status_code)

    try:
        async with (
            daemon_process(
                folder,
                free_port(),
                talkme.url,
                "--store",
                redis.url,
                environment={"ITEIRA_STORE__LEASE": "2", "ITEIRA_SERVER__REPLY_WAIT": "0.2"},
            ) as daemon,
            httpx.AsyncClient(timeout=60) as client,
        ):
            callers = [asyncio.create_task(load(client, daemon.url)) for _ in range(5)]
            await eventually(lambda: statuses.count(200) > 20)
            redis.stop()
            await eventually(lambda: statuses.count(503) > 5)
            health = await client.get(f"{daemon.url}/webhook/talkme/health")
            assert (health.status_code, health.json()["status"]) == (503, "unavailable")
            redis.start()
            before = statuses.count(200)
            await eventually(lambda: statuses.count(200) > before + 20)
            stop.set()
            await asyncio.gather(*callers)

            async def done() -> tuple[int, int]:
                stats = (await client.get(f"{daemon.url}/webhook/talkme/stats")).json()
                return stats["queue"]["depth"], stats["messages_processed"]

            await eventually(done, lambda figures: figures[0] == 0 and figures[1] >= statuses.count(200))
            assert set(statuses) <= {200, 503}
    finally:
        redis.close()


async def test_what_was_said_while_redis_was_away_is_not_said_again_by_the_other_node(
    folder: Path, talkme: ScriptedTalkMe, redis_server: RedisServer
) -> None:
    taken = asyncio.Event()
    talkme.script["send"].append(Answer(until=taken))
    impatient = {"ITEIRA_STORE__LEASE": "2", "ITEIRA_SERVER__REPLY_WAIT": "0.1"}
    async with AsyncExitStack() as stack, httpx.AsyncClient(timeout=60) as client:
        nodes = [
            await stack.enter_async_context(
                daemon_process(folder, free_port(), talkme.url, "--store", redis_server.url, environment=impatient)
            )
            for _ in range(2)
        ]
        await client.post(f"{nodes[0].url}/webhook/talkme", json=documented())
        await eventually(talkme.sent)
        redis_server.stop()
        taken.set()  # TalkMe has the reply, and Redis cannot be told

        def renewed_in_vain() -> int:
            return sum(node.log.read_text().count("leases could not be renewed") for node in nodes)

        await eventually(renewed_in_vain, lambda times: times > 1 / RENEWED)  # as often as a lease takes to end
        redis_server.start()

        async def processed() -> int:
            answer = await client.get(f"{nodes[1].url}/webhook/talkme/stats")
            return int(answer.json().get("messages_processed", 0))

        await eventually(processed)
        assert len(talkme.sent()) == 1


async def test_a_redis_that_lost_its_data_is_reported_and_served_on(
    folder: Path, talkme: ScriptedTalkMe, redis_server: RedisServer
) -> None:
    async with (
        daemon_process(folder, free_port(), talkme.url, "--store", redis_server.url) as daemon,
        httpx.AsyncClient(base_url=daemon.url, timeout=60) as client,
    ):
        await client.post("/webhook/talkme", json=documented())
        redis_server.client.flushall()
        await eventually(lambda: "Redis has lost its data" in daemon.log.read_text())
        answer = await client.post("/webhook/talkme", json=documented())
        assert answer.json()["message"] == "Сообщение отправлено"
