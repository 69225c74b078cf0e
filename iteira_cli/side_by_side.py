"""The programs of `iteira dev`: started, watched, started again, stopped."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from iteira_cli.errors import Failed

START_SECONDS = 180.0
"""The first start reads the whole knowledge base."""
STOP_SECONDS = 40.0
LOOK_SECONDS = 0.1
"""Between two looks at a program that starts."""


@dataclass(slots=True)
class Program:
    """One command of ours in a process of its own, which answers at `health` when it is ready."""

    name: str
    package: str
    """Where its code is."""
    command: Sequence[str]
    health: str
    environment: Mapping[str, str] | None = None
    config: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    """None while it does not run: it has not been started, or ended when it was."""
    proven: bool = field(default=False, init=False)
    """It has answered since it was started."""

    def start(self) -> None:
        before = ["--config", str(self.config)] if self.config else []
        command = [sys.executable, "-m", "iteira_cli", *before, *self.command]
        self.process = subprocess.Popen(command, env=self.environment)  # noqa: S603
        self.proven = False

    @property
    def ended(self) -> bool:
        """It was running, and does not any more."""
        return self.process is not None and self.process.poll() is not None

    def until_ready(self, others: Iterable[Program] = (), given_up: Callable[[], bool] = lambda: False) -> bool:
        """Wait until it answers; False when `given_up` says that nobody waits for it any more.

        Raises `Failed` if it, or one of the others, ends meanwhile, or if it takes too long.
        """
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            fail_if_one_ended([self, *others])
            if given_up():
                return False
            try:
                opener.open(self.health, timeout=5).close()
            except (urllib.error.URLError, OSError):
                time.sleep(LOOK_SECONDS)
            else:
                self.proven = True
                return True
        raise Failed(f"the {self.name} was not ready within {START_SECONDS:g} s")


def fail_if_one_ended(programs: Iterable[Program]) -> None:
    """Raises `Failed`."""
    for program in programs:
        if program.ended:
            raise Failed(f"the {program.name} has ended; the lines above say why")


def stop(programs: Iterable[Program]) -> None:
    """Ctrl-C has reached them already where there is a terminal; a second signal does no harm. Whoever presses it
    again does not want to wait for turns in flight: what they were answering stays in the inbox."""
    running = [program.process for program in programs if program.process]
    try:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        for process in running:
            process.kill()
            process.wait()
    for program in programs:
        program.process = None
