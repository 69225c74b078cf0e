"""Several worker processes on one SQLite file: together they are one daemon, and one may die."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import httpx

from tests.daemon import documented
from tests.figures import counted
from tests.polling import eventually
from tests.process import daemon_process
from tests.scripted_talkme import Answer, ScriptedTalkMe

SESSIONS, MESSAGES = 50, 5


async def call(client: httpx.AsyncClient, caller: int) -> list[int]:
    """One caller says everything at once, without waiting for replies."""
    bodies = [
        documented(
            f"меня зовут Гость{caller} вопрос {number}",
            f"caller-{caller}",
            token=f"token-of-caller-{caller}",
            originalOnlineChatMessage={"id": number, "dialogId": caller},
        )
        for number in range(MESSAGES)
    ]
    answers = await asyncio.gather(*(client.post("/webhook/talkme", json=body) for body in bodies))
    return [answer.status_code for answer in answers]


async def test_fifty_callers_at_once_get_every_reply_once_and_in_order(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    async with (
        daemon_process(folder, port, talkme.url, workers=2) as daemon,
        httpx.AsyncClient(base_url=daemon.url, timeout=60, limits=httpx.Limits(max_connections=300)) as client,
    ):
        statuses = await asyncio.gather(*(call(client, number) for number in range(SESSIONS)))
        assert [status for caller in statuses for status in caller] == [200] * SESSIONS * MESSAGES
        stats = (await client.get("/webhook/talkme/stats")).json()
        # Each worker counts by itself; whichever is asked tells the sum.
        told = await counted(client, "iteira_turns_total", "offline", "sent", at_least=SESSIONS * MESSAGES)
        assert told["iteira_turn_seconds_count",] == told["iteira_webhooks_accepted_total", "first"] == 250
        assert told["iteira_messages_total", "sent"] == told["iteira_talkme_calls_total", "send", "200"] == 250
        assert told["iteira_workers", "all"] == 2
        transcripts = {}
        for number in range(SESSIONS):
            session = (await client.get(f"/webhook/talkme/session/caller-{number}")).json()
            transcripts[f"token-of-caller-{number}"] = session["transcript"]
    assert (stats["messages_processed"], stats["errors"], stats["total_sessions"]) == (250, 0, 50)
    heard = defaultdict(list)
    for spoken in talkme.of("send"):
        heard[spoken.token].append(spoken.body["content"]["text"])
    assert sum(len(replies) for replies in heard.values()) == SESSIONS * MESSAGES
    for token, lines in transcripts.items():
        replies = [line["text"] for line in lines if line["role"] == "consultant"]
        assert heard[token] == replies, "replies must leave in the order in which the messages were accepted"


async def test_a_worker_killed_in_the_middle_of_a_turn_is_replaced_and_its_caller_is_answered_once(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].append(Answer(until=asyncio.Event()))  # the first send never gets an answer
    async with (
        daemon_process(folder, port, talkme.url, workers=2, environment={"ITEIRA_STORE__LEASE": "2"}) as daemon,
        httpx.AsyncClient(base_url=daemon.url, timeout=60) as client,
    ):
        webhook = asyncio.create_task(client.post("/webhook/talkme", json=documented()))
        await eventually(talkme.sent)
        stats = (await client.get("/webhook/talkme/stats")).json()
        victims = [worker["pid"] for worker in stats["workers"] if worker["turns"]]
        if not victims:  # turns are reported every other second

            async def busy() -> list[int]:
                stats = (await client.get("/webhook/talkme/stats")).json()
                return [worker["pid"] for worker in stats["workers"] if worker["turns"]]

            victims = await eventually(busy)
        os.kill(victims[0], signal.SIGKILL)
        await asyncio.wait([webhook])

        async def sent() -> list[str]:
            session = (await client.get("/webhook/talkme/session/anna")).json()
            return [line["state"] for line in session["transcript"]]

        await eventually(sent, lambda states: states == ["sent", "sent"])
        assert len(set(talkme.sent())) == 1, "the stored reply is sent again, never a new one"
        assert len(talkme.sent()) == 2

        async def pids() -> list[int]:
            return await daemon.workers()

        await eventually(pids, lambda pids: len(set(pids) - set(victims)) == 2)
        told = await counted(client, "iteira_leases_taken_over_total")
        assert told["iteira_turns_total", "offline", "sent"] == told["iteira_leases_taken_over_total",] == 1


async def test_a_worker_that_cannot_be_replaced_while_the_store_is_locked_is_replaced_afterwards(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    async with (
        daemon_process(folder, port, talkme.url, "--store", "sqlite:///iteira.db", workers=2) as daemon,
        httpx.AsyncClient(base_url=daemon.url, timeout=60) as client,
    ):
        victim, survivor = await daemon.workers()
        with closing(sqlite3.connect(folder / "iteira.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            os.kill(victim, signal.SIGKILL)
            await eventually(lambda: "could not start" in daemon.log.read_text())
            other.execute("ROLLBACK")

        async def pids() -> set[int]:
            assert daemon.running, daemon.log.read_text()
            return set(await daemon.workers()) - {victim}

        await eventually(pids, lambda pids: len(pids) == 2 and survivor in pids)
        assert (await client.post("/webhook/talkme", json=documented())).status_code == 200
        assert "restore a backup" not in daemon.log.read_text(), "it is only locked"


async def test_a_daemon_killed_and_started_again_answers_what_it_had_accepted(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].extend(Answer(until=asyncio.Event()) for _ in range(5))
    async with daemon_process(
        folder,
        port,
        talkme.url,
        environment={"ITEIRA_STORE__LEASE": "2", "ITEIRA_SERVER__REPLY_WAIT": "0.1"},
    ) as daemon:
        async with httpx.AsyncClient(base_url=daemon.url, timeout=60) as client:
            for number in range(5):
                answer = await client.post("/webhook/talkme", json=documented(user=f"caller-{number}"))
                assert answer.json()["message"] == "Сообщение принято"
        await eventually(lambda: len(talkme.sent()) == 5)
        daemon.kill()
    async with daemon_process(folder, port, talkme.url, environment={"ITEIRA_STORE__LEASE": "2"}) as daemon:
        await eventually(lambda: len(talkme.sent()) == 10)
        async with httpx.AsyncClient(base_url=daemon.url) as client:

            async def done() -> tuple[int, int]:
                stats = (await client.get("/webhook/talkme/stats")).json()
                return stats["messages_processed"], stats["queue"]["depth"]

            await eventually(done, lambda figures: figures == (5, 0))


async def test_sigterm_lets_the_turn_under_way_end_and_its_webhook_be_answered(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    held = asyncio.Event()
    talkme.script["send"].append(Answer(until=held))
    async with (
        daemon_process(folder, port, talkme.url, workers=2) as daemon,
        httpx.AsyncClient(base_url=daemon.url, timeout=60) as client,
    ):
        webhook = asyncio.create_task(client.post("/webhook/talkme", json=documented()))
        await eventually(talkme.sent)
        daemon.terminate()
        await eventually(lambda: "Shutting down" in daemon.log.read_text())
        held.set()
        assert (await webhook).json()["message"] == "Сообщение отправлено"
        assert await daemon.until_ended() in {0, -signal.SIGTERM}
    assert "Traceback" not in daemon.log.read_text()


async def test_a_taken_port_a_bad_setting_and_a_foreign_database_refuse_the_start_in_a_line(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    from tests.process import DaemonProcess

    async def refusal(*options: str, **environment: str) -> str:
        daemon = DaemonProcess(folder, port, {"ITEIRA_KNOWLEDGE__EMBEDDER": "none", **environment}, *options)
        daemon.log.write_bytes(b"")
        assert await daemon.until_ended() in {1, 2}
        return daemon.log.read_text()

    with sqlite3.connect(folder / "foreign.db") as foreign:
        foreign.execute("CREATE TABLE somebody (s TEXT)")
    foreign.close()
    assert "another program" in await refusal("--store", "sqlite:///foreign.db")
    assert "expected a valid integer" in await refusal(ITEIRA_SERVER__WORKERS="many")
    async with daemon_process(folder, port, talkme.url):
        assert f"cannot listen on 127.0.0.1:{port}" in await refusal()


async def test_a_daemon_whose_workers_cannot_start_at_all_ends_and_says_that_it_failed(port: int) -> None:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.daemon_that_cannot_start", str(port)),
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await started.communicate()
    assert started.returncode == 1
    assert "failed: a worker process could not start" in said.decode()


async def test_a_file_that_may_only_be_read_refuses_the_start_and_says_what_to_do(folder: Path, port: int) -> None:
    (folder / "iteira.db").touch(mode=0o400)
    # Root may write whatever it likes, unless this right is taken from it.
    as_others = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
    command = [sys.executable, "-m", "iteira_cli", "serve", "--port", str(port), "--store", "sqlite:///iteira.db"]
    refused = await asyncio.create_subprocess_exec(
        *as_others, *command, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await refused.communicate()
    assert refused.returncode == 1
    assert "iteira.db: Permission denied; make it writable or set store.url" in " ".join(said.decode().split())


async def test_a_full_disk_refuses_with_503_and_serves_again_when_there_is_room(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    async with (
        daemon_process(folder, port, talkme.url) as daemon,
        httpx.AsyncClient(base_url=daemon.url, timeout=60) as client,
    ):
        assert (await client.post("/webhook/talkme", json=documented())).status_code == 200
        (pid,) = await daemon.workers()
        # The kernel refuses this process to let any file grow further, as a full disk would.
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        refused = await client.post("/webhook/talkme", json=documented(user="boris"))
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert (await client.get("/webhook/talkme/health")).status_code in {200, 503}
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        assert (await client.post("/webhook/talkme", json=documented(user="boris"))).status_code == 200
        assert len(talkme.sent()) == 2
