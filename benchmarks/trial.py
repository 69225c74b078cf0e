"""One target under one load: started, warmed up, spoken to, stopped; what it cost and what became of the messages."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from benchmarks.callers import Callers, Said, Utterance
from benchmarks.process_tree import OF_THE_LOAD, ProcessTree, cpu_of
from benchmarks.questions import SERVICES
from benchmarks.targets import ROOT, Target
from benchmarks.upstream import Model, OtherSide

PORT = int(os.environ.get("BENCH_PORT", "25900"))
"""The target's; of the two above it one is the other side's, one that of a Redis."""
WARM_UP = 50
STARTS_WITHIN = 60.0
WAITS = 30.0
"""Seconds without a further reply after which what is missing counts as lost."""


@dataclass
class Figures:
    """Of one load. Times in milliseconds unless said otherwise."""

    messages: int
    """That the target took."""
    cpu: float
    """Processor time of the target's process tree for a message, user and system."""
    redis_cpu: float
    """The same of the Redis server beside it, if it has one."""
    lateness: list[tuple[float, float]]
    """When each message was said, in seconds of the load, and how much later than the model needs its reply reached
    TalkMe."""
    memory: float
    """MB (PSS) of the tree, the most that was seen."""
    idle: float
    """Percent of a core that it needs at rest."""
    lost: int
    doubled: int
    disordered: int
    """Callers whose replies came in another order than what they said; what was said first was accepted first."""
    refused: int
    """Webhooks that were answered with another status than 2xx, or not at all."""
    apologies: int
    """Messages that were answered with something else than the model's answer."""
    slip: float
    """99th percentile of how late the callers themselves were."""

    def late(self, percent: float, since: float = 0.0) -> float:
        """A percentile of the lateness of what was said after `since` seconds; infinite where nothing was answered."""
        found = sorted(late for at, late in self.lateness if at >= since)
        return found[min(len(found) - 1, int(percent / 100 * len(found)))] if found else math.inf

    @property
    def p50(self) -> float:
        return self.late(50)

    @property
    def p99(self) -> float:
        return self.late(99)


class Trial:
    """A target that serves, and everything around it."""

    def __init__(self, tree: ProcessTree, side: OtherSide, callers: Callers, redis: int | None) -> None:
        self.tree, self.side, self.callers, self._redis = tree, side, callers, redis
        self._idle = 0.0

    async def rest(self, seconds: float) -> float:
        """Percent of a core that the target needs while nobody calls."""
        before, began = self.tree.cpu(), time.time()
        await asyncio.sleep(seconds)
        self._idle = 100 * (self.tree.cpu() - before) / (time.time() - began)
        return self._idle

    async def warm_up(self) -> None:
        said = await self.callers.say(
            Utterance(number / WARM_UP, f"warm-up-caller-{number}") for number in range(WARM_UP)
        )
        await self._quiet(said, 5.0)
        self.side.forget()

    async def measure(self, said: Sequence[Utterance], seed: int = 0) -> Figures:
        """Say all that, wait for the replies, and tell what came of it."""
        self.tree.peak = 0.0
        watching = asyncio.create_task(self.tree.watch_memory())
        cpu, redis = self.tree.cpu(), self._redis_cpu()
        found = await self.callers.say(said, seed)
        await self._quiet(found, WAITS)
        cpu, redis = self.tree.cpu() - cpu, self._redis_cpu() - redis
        watching.cancel()
        self.tree.memory()
        taken = max(1, len(found.sent))
        return Figures(
            messages=len(found.sent),
            cpu=1000 * cpu / taken,
            redis_cpu=1000 * redis / taken,
            lateness=self.lateness(found),
            memory=self.tree.peak,
            idle=self._idle,
            refused=found.statuses.total() - sum(n for status, n in found.statuses.items() if 200 <= status < 300),
            slip=1000 * sorted(found.slips)[int(0.99 * len(found.slips))],
            **self._missing(found),
        )

    async def _quiet(self, said: Said, patience: float) -> None:
        """Until as many replies have come, or none for `patience` seconds."""
        heard, since, tokens = -1, time.time(), {token for token, _ in said.sent}
        while heard < len(said.sent) and time.time() - since < patience:
            now = sum(len(self.side.replies.get(each, ())) + len(self.side.other.get(each, ())) for each in tokens)
            if now != heard:
                heard, since = now, time.time()
            await asyncio.sleep(0.05)

    def _redis_cpu(self) -> float:
        return cpu_of(self._redis) if self._redis else 0.0

    def lateness(self, found: Said) -> list[tuple[float, float]]:
        """Of messages that had nobody's turn to wait for: what is said into the silence before an answer waits where
        order is kept."""
        began, before, lateness = min(found.sent.values(), default=0.0), dict[str, float](), list[tuple[float, float]]()
        for (token, number), at in found.sent.items():
            needs = self.side.model.seconds(number)
            heard = next((moment for which, moment in self.side.replies.get(token, ()) if which == number), None)
            if heard is not None and before.get(token, 0.0) < at:
                lateness.append((at - began, 1000 * (heard - at - needs)))
            before[token] = at + needs
        return lateness

    def _missing(self, found: Said) -> dict[str, int]:
        lost = doubled = disordered = apologies = 0
        numbers: dict[str, list[int]] = {}
        for token, number in sorted(found.sent, key=lambda key: found.sent[key]):
            numbers.setdefault(token, []).append(number % len(SERVICES))
        for token, asked in numbers.items():
            heard = [number for number, _ in self.side.replies.get(token, ())]
            missing = len([each for each in asked if each not in heard])
            other = min(missing, len(self.side.other.get(token, ())))
            lost, apologies = lost + missing - other, apologies + other
            doubled += len(heard) - len(set(heard))
            first = list(dict.fromkeys(heard))
            disordered += first != [each for each in asked if each in first]
        return {"lost": lost, "doubled": doubled, "disordered": disordered, "apologies": apologies}


@asynccontextmanager
async def trial(target: Target, folder: Path, model: Model, redis: int | None = None) -> AsyncIterator[Trial]:
    """The target serves inside the block. `redis`: process id of the server that it uses."""
    side = OtherSide(model)
    try:
        server = await side.serve(PORT + 1)
    except OSError as error:
        raise SystemExit(f"{error}; choose three free ports that follow each other: BENCH_PORT=26000") from None
    addresses = {
        "BASE_URL_TALKME": f"http://127.0.0.1:{PORT + 1}/",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{PORT + 1}/v1/",
        "PYTHONPATH": str(ROOT),
    }
    tree, callers = ProcessTree(target.command, folder, {**addresses, **target.environment}), Callers(PORT)
    side.typing = callers.typing
    try:
        await _until_ready(tree)
        yield Trial(tree, side, callers, redis if target.redis else None)
    finally:
        callers.close()
        tree.stop()
        server.close()


async def _until_ready(tree: ProcessTree) -> None:
    """Raises `SystemExit` with what the target said if it does not serve."""
    callers, ends = Callers(PORT), time.time() + STARTS_WITHIN
    while time.time() < ends and tree.runs():
        try:
            await callers.health()
            return
        except OSError:
            await asyncio.sleep(0.02)
        finally:
            callers.close()
    raise SystemExit(f"the target does not start:\n{tree.said()}")


def run(main: Coroutine[object, object, None]) -> None:
    """Run a benchmark on uvloop, on the core of the load."""
    psutil.Process().cpu_affinity([OF_THE_LOAD])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and the target with it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
