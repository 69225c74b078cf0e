"""What the stores cost by themselves: `python -m benchmarks.stores [--messages 2000] [--rounds 3]`.

Accepting, claiming and completing (the reply stored, then the outcome) of messages of as many users, one after the
other and fifty at the same time, as a process under load does it. CPU is that of this process with all its threads,
user and system; that of the Redis server is told apart. SQLite is on the disk of the temporary folder, with a flush for
each transaction; Redis has appendfsync always. The in-memory store of the tests shows what the calls cost without an
engine.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tables
from benchmarks.filled import batched, complete, incoming
from benchmarks.process_tree import cpu_of
from benchmarks.redis_beside import redis_beside
from benchmarks.trial import run
from server.clock import SystemClock
from server.models import Claim
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url

AT_THE_SAME_TIME = (1, 50)


@dataclass
class Cost:
    """Of one piece of work: seconds, seconds of processor here, seconds of processor of the Redis server."""

    wall: float
    cpu: float
    redis: float

    def __sub__(self, before: Cost) -> Cost:
        return Cost(self.wall - before.wall, self.cpu - before.cpu, self.redis - before.redis)


def now(redis: int | None) -> Cost:
    return Cost(time.perf_counter(), time.process_time(), cpu_of(redis) if redis else 0.0)


async def once(url: str, messages: int, together: int, redis: int | None, round_: int) -> dict[str, Cost]:
    """Each of the three steps for all messages."""
    store = store_from_url(url, StoreLimits(inbox=2 * messages), SystemClock())
    await store.open()
    try:
        said = [incoming(f"user-{round_}-{together}-{number}") for number in range(messages)]
        claims: list[Claim] = []

        async def claim(some: Sequence[object]) -> None:
            claims.extend(await store.claim("bench", 60, len(some)))

        steps: dict[str, Callable[[], Awaitable[None]]] = {
            "accept": lambda: _each(said, together, store.accept),
            "claim": lambda: _all(said, together, claim),
            "complete": lambda: _each(claims, together, lambda claim: complete(store, claim)),
        }
        found = {}
        for name, step in steps.items():
            before = now(redis)
            await step()
            found[name] = now(redis) - before
        await _must_be_done(store, messages, claims)
        return found
    finally:
        await store.close()


async def _each(items: Sequence[object], together: int, work: Callable[..., Awaitable[object]]) -> None:
    for some in batched(items, together):
        await asyncio.gather(*map(work, some))


async def _all(items: Sequence[object], together: int, work: Callable[[Sequence[object]], Awaitable[None]]) -> None:
    for some in batched(items, together):
        await work(some)


async def _must_be_done(store: Store, messages: int, claims: Sequence[Claim]) -> None:
    left = (await store.totals(time.time())).queue_depth
    if left or len(claims) != messages:
        raise SystemExit(f"{left} messages still wait, {len(claims)} of {messages} were claimed")


async def measure(given: argparse.Namespace) -> None:
    machine, results = tables.machine(), defaultdict[tuple[str, int, str], list[Cost]](list)
    with tempfile.TemporaryDirectory(dir=given.dir) as place, redis_beside(Path(place)) as redis:
        urls = {"SQLite": f"sqlite:///{place}/store.db", "Redis": redis.url, "memory": "memory://"}
        for round_ in range(given.rounds):
            for engine, url in urls.items():
                for together in AT_THE_SAME_TIME if url else ():
                    pid = redis.pid if engine == "Redis" else None
                    for step, cost in (await once(str(url), given.messages, together, pid, round_)).items():
                        results[engine, together, step].append(cost)
    rows = [_row(*key, costs, given.messages) for key, costs in results.items()]
    print(f"{given.messages} messages, {given.rounds} interleaved rounds, medians, {machine}.\n")
    print(tables.table(("store", "at the same time", "work", "a second", "CPU ms each", "Redis ms each"), rows))


def _row(engine: str, together: int, step: str, costs: Sequence[Cost], messages: int) -> tuple[str, ...]:
    wall, cpu = tables.median(costs, lambda each: each.wall), tables.median(costs, lambda each: each.cpu)
    redis = tables.median(costs, lambda each: each.redis)
    beside = f"{1000 * redis / messages:.3f}" if redis else "–"
    return engine, str(together), step, f"{messages / wall:,.0f}", f"{1000 * cpu / messages:.3f}", beside


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--dir", type=Path, help="where the stores are made; without it the temporary folder")
    run(measure(options.parse_args()))


if __name__ == "__main__":
    main()
