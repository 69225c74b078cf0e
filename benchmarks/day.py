"""A day's traffic in minutes: `python -m benchmarks.day [--messages 20000] [--rate 60] [--old 20000] [--redis]`.

Calls of twelve utterances, one every two to six seconds, until as many messages as said have been answered by one
process. The daemon's clock is the real one, so it is the amount that is compressed. The store begins with as many
messages (`--old`) that are older than the retention, as a store in its second month does: housekeeping has to take them
away meanwhile. Told by tenths of the time: cost of a message, lateness, memory, files and rows, all of which must stay.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tables
from benchmarks.callers import Utterance
from benchmarks.filled import fill
from benchmarks.redis_beside import redis_beside
from benchmarks.targets import Target, ours, serve
from benchmarks.trial import PORT, Trial, run, trial
from benchmarks.upstream import Model

UTTERANCES = 12
BETWEEN = (2.0, 6.0)
"""Seconds between two of a call."""
MONTH = 31 * 86_400.0
"""Seconds; a day more than `store.retention`."""
HEAD = ("minute", "messages", "CPU ms/message", "late p50 / p99 ms", "MB", "store MB", "messages stored", "log MB")


@dataclass
class Slice:
    at: float
    answered: int
    cpu: float
    memory: float
    store: tuple[float, int]
    logs: float


def traffic(messages: int, rate: float) -> list[Utterance]:
    """Calls that begin at random moments, `rate` utterances a second in all."""
    chance, said, at = random.Random(1), list[Utterance](), 0.0
    for call in range(messages // UTTERANCES):
        moment = at
        for number in range(UTTERANCES):
            said.append(Utterance(moment, f"day-caller-{call}", number))
            moment += chance.uniform(*BETWEEN)
        at += chance.expovariate(rate / UTTERANCES)
    return sorted(said)


class Watch:
    """Looks at everything ten times while the traffic lasts."""

    def __init__(self, serving: Trial, folder: Path, stored: Callable[[], tuple[float, int]]) -> None:
        self._serving, self._folder, self._stored = serving, folder, stored
        self.slices: list[Slice] = []
        self._began = time.time()

    async def look(self, every: float) -> None:
        while True:
            self._note()
            await asyncio.sleep(every)

    def _note(self) -> None:
        tree, side = self._serving.tree, self._serving.side
        answered = sum(map(len, side.replies.values()))
        logs = sum(each.stat().st_size for each in self._folder.rglob("*.log*")) / 1e6
        at = time.time() - self._began
        self.slices.append(Slice(at, answered, tree.cpu(), tree.memory(), self._stored(), logs))

    def rows(self, lateness: list[tuple[float, float]]) -> list[tuple[str, ...]]:
        rows = list[tuple[str, ...]]()
        for before, now in zip(self.slices, self.slices[1:], strict=False):
            late = sorted(late for at, late in lateness if before.at <= at < now.at)
            messages = now.answered - before.answered
            rows.append(
                (
                    f"{now.at / 60:.1f}",
                    str(messages),
                    f"{1000 * (now.cpu - before.cpu) / max(1, messages):.2f}",
                    f"{tables.percentile([late], 50):.1f} / {tables.percentile([late], 99):.0f}" if late else "–",
                    f"{now.memory:.0f}",
                    f"{now.store[0]:.1f}",
                    str(now.store[1]),
                    f"{now.logs:.2f}",
                )
            )
        return rows


def in_sqlite(file: Path) -> tuple[float, int]:
    """MB of the file with its log, and the messages in it."""
    size = sum(each.stat().st_size for each in file.parent.glob(f"{file.name}*")) / 1e6
    with sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True) as db:
        return size, int(db.execute("SELECT count(*) FROM messages").fetchone()[0])


def in_redis(url: str) -> tuple[float, int]:
    """MB that Redis uses, and its keys of messages."""
    from redis import Redis

    with Redis.from_url(url) as client:
        size = int(client.info("memory")["used_memory"]) / 1e6
        return size, sum(1 for _ in client.scan_iter("iteira:message:*", count=5000))


async def measure(given: argparse.Namespace) -> None:
    machine = tables.machine()
    with tempfile.TemporaryDirectory() as place, redis_beside(Path(place)) as redis:
        if given.redis and not redis.url:
            raise SystemExit("there is no Redis")
        file = Path(place) / "bench.db"
        url = str(redis.url) if given.redis else f"sqlite:///{file}"
        old = [f"old-caller-{number}" for number in range(given.old // UTTERANCES)]
        await fill(url, old, UTTERANCES, ago=MONTH)
        said = traffic(given.messages, given.rate)
        target = Target(
            "iteira", serve(), ours(Path(place), PORT, STORE__URL=url, STORE__SESSION_IDLE="60"), given.redis
        )
        async with trial(target, Path(place), Model(), redis.pid) as serving:
            await serving.warm_up()
            watch = Watch(serving, Path(place), lambda: in_redis(url) if given.redis else in_sqlite(file))
            looking = asyncio.create_task(watch.look(said[-1].at / 10))
            found = await serving.measure(said)
            looking.cancel()
    print(f"{len(said)} messages of {len(said) // UTTERANCES} calls, {len(old) * UTTERANCES} old ones, {machine}.\n")
    print(tables.table(HEAD, watch.rows(found.lateness)))
    wrong = {what: getattr(found, what) for what in ("lost", "doubled", "disordered", "refused", "apologies")}
    print("\n" + ", ".join(f"{what} {count}" for what, count in wrong.items()) + f"; peak {found.memory:.0f} MB.")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=20_000, help="a busy day of a large salon chain")
    options.add_argument("--rate", type=float, default=60, help="messages a second")
    options.add_argument("--old", type=int, default=20_000, help="messages from before the retention")
    options.add_argument("--redis", action="store_true", help="on Redis instead of SQLite")
    run(measure(options.parse_args()))


if __name__ == "__main__":
    main()
