"""What a target costs the machine: processor time and memory of a process and all its descendants, from the system."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

CORES = sorted(os.sched_getaffinity(0))
OF_THE_TARGET, OF_THE_LOAD = CORES[0], CORES[-1]
"""The target has a core to itself, callers and other side share another one, where the machine has two."""


class ProcessTree:
    """A program on one core, what it starts included."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], core: int = OF_THE_TARGET
    ) -> None:
        self._log = folder / "target.log"
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 before any thread exists
            )
        self._root = psutil.Process(self._popen.pid)
        self.peak = 0.0
        """MB, the most that `memory` has found."""

    def _all(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of processor time until now, user and system, descendants that have ended included."""
        total = 0.0
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory(self) -> float:
        """MB now, as PSS: pages that processes share count once, divided among them."""
        total = 0
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        self.peak = max(self.peak, total / 1e6)
        return total / 1e6

    async def watch_memory(self, every: float = 0.5) -> None:
        """Look every so many seconds, for `peak`, until cancelled."""
        while True:
            self.memory()
            await asyncio.sleep(every)

    def runs(self) -> bool:
        return self._popen.poll() is None

    def said(self) -> str:
        """The end of what it has written to its standard streams."""
        return self._log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGTERM)
        try:
            self._popen.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()


def cpu_of(pid: int) -> float:
    """Seconds of processor time of one process."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
