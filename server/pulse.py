"""How a worker process says that it lives, and how its supervisor hears that it does not.

The event loop itself speaks, so that a loop that is blocked is silent: a thread would go on speaking for it.
"""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Protocol

BEAT_SECONDS = 0.5
WORD = struct.Struct("<q?")
"""Process id, and whether it serves. Far below the size up to which a pipe takes a write whole or not at all."""


class Listener(Protocol):
    """Who is told how a worker is: its supervisor, or the service manager where there is only one worker."""

    def ready(self) -> None:
        """It serves from now on."""

    def alive(self) -> None:
        """It lives; said every `BEAT_SECONDS` from its start to its end."""

    def stopping(self) -> None:
        """It ends of its own will."""


async def beat(listener: Listener) -> None:
    """Tell `listener` of this event loop until cancelled. Real time on purpose: a fake clock cannot hang."""
    while True:
        listener.alive()
        await asyncio.sleep(BEAT_SECONDS)


class Pulse:
    """The worker's end of a pipe that all workers of a supervisor share."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._serves = False

    def ready(self) -> None:
        self._serves = True
        self.alive()

    def alive(self) -> None:
        os.set_blocking(self._pipe.fileno(), False)
        with suppress(OSError):  # a supervisor that does not listen must not stop its workers
            self._pipe.send_bytes(WORD.pack(os.getpid(), self._serves))

    def stopping(self) -> None:
        self._serves = False


class Pulses:
    """The supervisor's end: who has been silent, in the supervisor's own time.

    A supervisor that was stopped itself (Ctrl-Z, a paused machine) has heard nothing meanwhile and blames nobody: of a
    pause between two calls of `listen` no more than half of the patience counts.
    """

    def __init__(self, pipe: Connection, patience: float, now: Callable[[], float] = time.monotonic) -> None:
        """`patience`: seconds of silence after which a worker hangs."""
        self._pipe, self._patience, self._now = pipe, patience, now
        self._heard: dict[int, float] = {}
        self._serving: set[int] = set()
        self._listened = now()

    def listen(self) -> None:
        """Take in what was said since the last call; to be called more often than every `patience`."""
        now, before = self._now(), self._listened
        self._listened = now
        if (uncounted := now - before - self._patience / 2) > 0:
            self._heard = {pid: at + uncounted for pid, at in self._heard.items()}
        while self._pipe.poll():
            pid, serves = WORD.unpack(self._pipe.recv_bytes())
            self._heard[pid] = now
            (self._serving.add if serves else self._serving.discard)(pid)

    def hangs(self, pid: int, starts_within: float) -> bool:
        """Whether this worker is silent for too long; a new one may be so for `starts_within` seconds."""
        began = self._listened + starts_within - self._patience
        return self._listened - self._heard.setdefault(pid, began) > self._patience

    def all_serve(self, pids: Sequence[int]) -> bool:
        return self._serving.issuperset(pids)

    def forget(self, pid: int) -> None:
        self._heard.pop(pid, None)
        self._serving.discard(pid)
