"""A node: one `iteira serve` as a program of its own, to be loaded, stopped and killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random

from iteira_cli.admin_client import AdminClient
from iteira_cli.documents import Stats
from iteira_cli.errors import CliError, Failed

START_SECONDS = 60.0
STOP_SECONDS = 60.0
"""Longer than the daemon gives its turns after SIGTERM (`server.shutdown_grace`, 30 s unless configured)."""
POLL_SECONDS = 0.1
LOG_LINES = 10
"""Lines of a node's log that are shown when it does not start."""
PORTS = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections: one of those could take a stopped node's port."""
CONFIGURED = ("ITEIRA_", "OPENAI_", "TALKME_", "BASE_URL_TALKME")
"""How variables begin that the daemon reads; those of the one who starts the node are none of its business."""


class Node:
    """Node `number` with its own folder, port and process group. `environment`: what it is configured with."""

    def __init__(self, number: int, folder: Path, workers: int, environment: Mapping[str, str]) -> None:
        self.number, self.workers = number, workers
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin = AdminClient(self.url)
        self.up = False
        """It has been ready and nobody has stopped it since."""
        self._folder = folder
        self._log = folder / "node.log"
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: set[int] = set()

    async def start(self) -> None:
        """Start it and wait until all its workers report themselves. Raises `Failed`."""
        self._launch()

        async def ready() -> bool:
            return len(await self.pids()) >= self.workers

        if not await poll(ready, START_SECONDS):
            raise self._failure(f"was not ready within {START_SECONDS:g} s")
        self.up = True

    async def stop(self) -> None:
        """End it as an operator does, with SIGTERM. Raises `Failed` if it does not end."""
        self.up = False
        process = self._running()
        process.terminate()

        async def ended() -> bool:
            return process.poll() is not None

        if not await poll(ended, STOP_SECONDS):
            raise self._failure(f"did not end within {STOP_SECONDS:g} s after SIGTERM")
        self.kill()  # what its workers may have left

    def kill(self) -> None:
        """kill -9 of everything that belongs to it."""
        self.up = False
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def kill_worker(self, pid: int) -> bool:
        """kill -9 of one worker; False if it had gone already."""
        self._killed.add(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    async def pids(self) -> list[int]:
        """Its workers that live and report themselves; none while it does not answer. Raises `Failed` if it ended."""
        stats = await self.stats()
        return [worker["pid"] for worker in stats["workers"] if self._owns(worker["pid"])] if stats else []

    async def stats(self) -> Stats | None:
        """The daemon's figures; None while it does not answer. Raises `Failed` if it ended by itself."""
        if self._running().poll() is not None:
            raise self._failure("has ended by itself")
        try:
            return await asyncio.to_thread(self.admin.stats)
        except CliError:  # no worker is there just now, or the one that was asked has been killed
            return None

    def _launch(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "iteira_cli", "serve", "--port", str(self.port)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(CONFIGURED)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                [*command, "--workers", str(self.workers)],
                cwd=self._folder,
                env={**inherited, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise Failed(f"node {self.number} was never started")
        return self._process

    def _owns(self, pid: int) -> bool:
        # The store lists the workers of all nodes, and for some seconds dead ones.
        with suppress(ProcessLookupError):
            return pid not in self._killed and os.getpgid(pid) == self._running().pid
        return False

    def _failure(self, what: str) -> Failed:
        with self._log.open(encoding="utf-8", errors="replace") as log:
            tail = "".join(deque(log, LOG_LINES)).strip()
        return Failed(f"node {self.number} {what}", f"the end of its log:\n{tail}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now. Raises `Failed`."""
    for port in Random().sample(PORTS, 100):  # noqa: S311 - no secret
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise Failed(f"no free port between {PORTS.start} and {PORTS.stop}")


async def poll(look: Callable[[], Awaitable[bool]], limit: float) -> bool:
    """Look again and again until it is so; False if it is not within `limit` seconds."""
    try:
        async with asyncio.timeout(limit):
            while True:
                if await look():
                    return True
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False
