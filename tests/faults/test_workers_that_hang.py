"""A worker that lives and does nothing is worse than a dead one: it is found, killed and replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Self

import httpx
import pytest

from server.pulse import WORD, Pulse, Pulses
from server.systemd import ServiceManager
from tests.daemon import documented
from tests.polling import eventually
from tests.process import daemon_process
from tests.scripted_talkme import Answer, ScriptedTalkMe

ROOT = Path(__file__).parents[2]
IMPATIENT = {"ITEIRA_SERVER__HANGS_AFTER": "2", "ITEIRA_STORE__LEASE": "2"}


async def test_a_worker_that_was_stopped_is_replaced_and_its_caller_is_answered_by_another(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].append(Answer(until=asyncio.Event()))  # the first send never gets an answer
    async with (
        daemon_process(folder, port, talkme.url, workers=2, environment=IMPATIENT) as daemon,
        httpx.AsyncClient(base_url=daemon.url, timeout=60) as client,
    ):
        webhook = asyncio.create_task(client.post("/webhook/talkme", json=documented()))
        await eventually(talkme.sent)

        async def busy() -> list[int]:
            stats = (await client.get("/webhook/talkme/stats")).json()
            return [worker["pid"] for worker in stats["workers"] if worker["turns"]]

        (stopped,) = await eventually(busy)
        before = set(await daemon.workers())
        os.kill(stopped, signal.SIGSTOP)
        await eventually(lambda: f"worker {stopped} hangs; another takes its place" in daemon.log.read_text())
        await asyncio.wait([webhook])

        async def served() -> tuple[bool, list[str]]:
            async with httpx.AsyncClient(base_url=daemon.url, timeout=60) as anew:
                stats = (await anew.get("/webhook/talkme/stats")).json()
                session = (await anew.get("/webhook/talkme/session/anna")).json()
            living = {worker["pid"] for worker in stats["workers"]}
            return bool(living - before), [line["state"] for line in session["transcript"]]

        await eventually(served, lambda seen: seen == (True, ["sent", "sent"]))
    assert len(set(talkme.sent())) == 1, "the stored reply is sent again, never a new one"


async def test_a_worker_whose_event_loop_is_blocked_says_where_and_is_replaced(tmp_path: Path, port: int) -> None:
    url, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    command = [sys.executable, "-m", "tests.faults.daemon_that_hangs", str(port), "2"]
    with log.open("wb") as into:
        daemon = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=into, stderr=into, start_new_session=True
        )
    try:

        async def serves() -> int:
            async with httpx.AsyncClient(base_url=url, timeout=1) as anew:
                return int((await anew.get("/")).text)

        async def answer() -> int | None:
            try:
                return await serves()
            except httpx.TransportError:
                return None

        await eventually(answer, within=60)
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            await asyncio.wait([asyncio.create_task(client.get("/hang"))])  # its connection ends with the worker
        await eventually(lambda: "in blocks_the_event_loop" in log.read_text())
        await eventually(answer, within=60)
    finally:
        os.killpg(daemon.pid, signal.SIGKILL)
        await daemon.wait()


class Heard:
    """A supervisor's ear on a real pipe, in a time of its own."""

    def __init__(self, patience: float) -> None:
        self.now = 1000.0
        hears, self._speaks = Pipe(duplex=False)
        self.pulses = Pulses(hears, patience, lambda: self.now)

    def after(self, seconds: float, *alive: int) -> None:
        """So much later these workers say that they live, and the supervisor listens."""
        self.now += seconds
        for pid in alive:
            self._speaks.send_bytes(WORD.pack(pid, True))
        self.pulses.listen()

    def hang(self, *pids: int) -> list[int]:
        return [pid for pid in pids if self.pulses.hangs(pid, starts_within=60)]


def test_only_the_silent_worker_hangs() -> None:
    heard = Heard(patience=10)
    heard.after(1, 1, 2)
    for _ in range(11):
        heard.after(1, 1)
    assert heard.hang(1, 2) == [2]


def test_a_worker_that_still_starts_has_longer() -> None:
    heard = Heard(patience=10)
    heard.after(1)
    assert heard.hang(1) == []
    for _ in range(59):
        heard.after(1)
    assert heard.hang(1) == []
    for _ in range(2):
        heard.after(1)
    assert heard.hang(1) == [1]


def test_a_supervisor_that_was_stopped_with_its_workers_blames_none_of_them() -> None:
    heard = Heard(patience=10)
    heard.after(1, 1, 2)
    heard.after(3600)
    assert heard.hang(1, 2) == []
    for _ in range(11):
        heard.after(1, 1)
    assert heard.hang(1, 2) == [2], "who stays silent afterwards does hang"


def test_the_shortest_patience_finds_who_hangs_too_though_looks_come_no_more_often() -> None:
    heard = Heard(patience=1)
    heard.after(0.51, 1, 2)
    heard.after(3600)
    assert heard.hang(1, 2) == [], "it was stopped with them"
    for _ in range(3):
        heard.after(0.51, 1)
    assert heard.hang(1, 2) == [2]


def test_a_supervisor_that_does_not_listen_does_not_stop_its_workers() -> None:
    hears, speaks = Pipe(duplex=False)
    pulse = Pulse(speaks)
    for _ in range(20_000):  # many times what a pipe holds
        pulse.alive()
    pulses = Pulses(hears, 10)
    pulses.listen()
    assert not pulses.hangs(os.getpid(), 60)


class Manager:
    """Where a service manager listens: a datagram socket on a path, or under an abstract name (`@…`)."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(address.replace("@", "\0", 1))
        self.environment = {"NOTIFY_SOCKET": address}

    def heard(self) -> str:
        """What was said since it last listened."""
        said = ""
        with suppress(BlockingIOError):
            while True:
                said += self._socket.recv(4096).decode() + "\n"
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *of_no_interest: object) -> None:
        self._socket.close()

    async def hears(self, word: str) -> None:
        await eventually(self.heard, lambda said: word in said)


def test_a_service_manager_that_was_busy_hears_later_that_it_serves(tmp_path: Path) -> None:
    with Manager(str(tmp_path / "notify")) as manager:
        daemon = ServiceManager(str(tmp_path / "notify"))
        daemon.alive()
        assert manager.heard() == "", "nobody asks before it serves"
        for count in range(1000):  # many more than a socket keeps
            daemon.still_starting(60, f"reading the knowledge base: {count} of 1000")
        daemon.ready()
        assert "READY=1" not in manager.heard()
        daemon.alive()
        assert "READY=1" in manager.heard()
        daemon.alive()
        assert manager.heard() == "WATCHDOG=1\n"


async def test_the_service_manager_hears_that_all_workers_serve_that_they_live_and_that_they_stop(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    with Manager(str(folder / "notify")) as manager:
        async with daemon_process(folder, port, talkme.url, workers=2, environment=manager.environment) as daemon:
            await manager.hears("READY=1")
            assert len(await daemon.workers()) == 2
            await manager.hears("WATCHDOG=1")
            daemon.terminate()
            await manager.hears("STOPPING=1")
            await daemon.until_ended()


async def test_the_service_manager_hears_nothing_of_a_single_worker_while_it_hangs(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    with Manager(f"@{folder.name}-{port}") as manager:
        async with daemon_process(folder, port, talkme.url, environment=manager.environment) as daemon:
            (pid,) = await daemon.workers()
            await manager.hears("READY=1")
            os.kill(pid, signal.SIGSTOP)
            await eventually(lambda: "State:\tT" in Path(f"/proc/{pid}/status").read_text())
            manager.heard()
            with pytest.raises(AssertionError):
                await eventually(manager.heard, within=1.5)
            os.kill(pid, signal.SIGCONT)
            await manager.hears("WATCHDOG=1")
            daemon.terminate()
            await manager.hears("STOPPING=1")
            await daemon.until_ended()
