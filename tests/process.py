"""The daemon as a process of its own, to be stopped and killed as real ones are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.polling import eventually


class DaemonProcess:
    """`iteira serve` in a folder of its own. Its log is in `log`."""

    def __init__(self, folder: Path, port: int, environment: Mapping[str, str], *options: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"daemon-{port}.log"
        token = environment.get("ITEIRA_ADMIN__TOKEN")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        command = [sys.executable, "-m", "iteira_cli", "serve", "--port", str(port), *options]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ITEIRA_", "OPENAI_"))}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env={**clean, **environment}, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    async def workers(self) -> list[int]:
        """Process ids of the workers that report themselves."""
        async with httpx.AsyncClient(base_url=self.url, headers=self._headers) as client:
            stats = (await client.get("/webhook/talkme/stats")).json()
        return [worker["pid"] for worker in stats["workers"]]

    async def until_ready(self, workers: int = 1) -> None:
        async def ready() -> int:
            assert self.running, self.log.read_text()
            try:
                return len(await self.workers())
            except httpx.TransportError:
                return 0

        await eventually(ready, lambda count: count >= workers, within=60)

    def terminate(self) -> None:
        self._process.terminate()

    async def until_ended(self) -> int:
        await eventually(lambda: not self.running, within=60)
        return self._process.wait()

    def kill(self) -> None:
        """kill -9 of everything that belongs to it."""
        if self.running:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@asynccontextmanager
async def daemon_process(
    folder: Path,
    port: int,
    talkme: str,
    *options: str,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[DaemonProcess]:
    """A daemon with `workers` that is ready; killed at the end if it still runs."""
    variables = {"BASE_URL_TALKME": talkme, "ITEIRA_KNOWLEDGE__EMBEDDER": "none", **(environment or {})}
    daemon = DaemonProcess(folder, port, variables, "--workers", str(workers), *options)
    try:
        await daemon.until_ready(workers)
        yield daemon
    finally:
        daemon.kill()
