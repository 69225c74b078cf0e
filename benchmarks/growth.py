"""Whether a message costs more when there is more: `python -m benchmarks.growth [--redis] [--only AXIS]`.

The same load on our daemon with a store that has a past: sessions known, messages in the store, earlier exchanges of
the caller who speaks. The cost of a message must not follow the first two, and the third only as far as the model is
shown more. Rounds take turns, so that whatever else the machine does falls on all alike; medians of CPU ms/message.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tables
from benchmarks.callers import Utterance, load
from benchmarks.filled import fill
from benchmarks.redis_beside import redis_beside
from benchmarks.targets import Target, ours, serve
from benchmarks.trial import PORT, Figures, run, trial
from benchmarks.upstream import Model

HEAD = ("CPU ms/message", "times the first", "late p50 / p99 ms", "peak MB", "wrong", "Redis ms/message")


@dataclass(frozen=True)
class Past:
    """What the store holds before the load: `sessions` with so many messages each."""

    axis: str
    sessions: int
    messages: int
    speak: bool = False
    """Whether it is these sessions that speak, and not new ones."""

    @property
    def name(self) -> str:
        if self.speak:
            return f"callers with {self.messages} earlier exchanges"
        return f"{self.sessions} sessions known, {self.sessions * self.messages} messages stored"


def pasts(share: float, talkers: int) -> list[Past]:
    """`share` of the full size, for a short run; as many `talkers` as there will be messages, each speaks once."""
    many = int(10_000 * share)
    return [
        Past("sessions", 0, 0),
        Past("sessions", many // 10, 1),
        Past("sessions", many, 1),
        Past("messages", many, 10),
        Past("history", talkers, 1, speak=True),
        Past("history", talkers, 10, speak=True),
        Past("history", talkers, 40, speak=True),
    ]


class Kept:
    """The stores, filled once; a SQLite file is copied for each round, a Redis serves one past at a time."""

    def __init__(self, folder: Path, redis: str | None) -> None:
        self._folder, self._redis = folder, redis
        self._filled = dict[Past, Path]()

    async def ready(self, past: Past) -> str:
        users = [f"known-caller-{number}" for number in range(past.sessions)]
        if self._redis:
            from redis import Redis

            with Redis.from_url(self._redis) as client:
                client.flushall()
            await fill(self._redis, users, past.messages)
            return self._redis
        if past not in self._filled:
            began = time.time()
            self._filled[past] = self._folder / f"past-{len(self._filled)}.db"
            await fill(f"sqlite:///{self._filled[past]}", users, past.messages)
            tables.note(f"{past.name}: filled in {time.time() - began:.0f} s")
        for old in self._folder.glob("bench.db*"):
            old.unlink()
        shutil.copy(self._filled[past], self._folder / "bench.db")
        return f"sqlite:///{self._folder}/bench.db"


def speaking(past: Past, rate: float, seconds: float, round_: int) -> list[Utterance]:
    said = load(rate, seconds, round_, pairs=0)
    if not past.speak:
        return said
    return [Utterance(each.at, f"known-caller-{at % past.sessions}", each.number) for at, each in enumerate(said)]


async def measure(given: argparse.Namespace) -> None:
    talkers = int(1.5 * given.rate * given.seconds)
    machine, chosen = tables.machine(), [past for past in pasts(given.share, talkers) if given.only in past.axis]
    results: dict[Past, list[Figures]] = {past: [] for past in chosen}
    with tempfile.TemporaryDirectory() as place, redis_beside(Path(place)) as redis:
        if given.redis and not redis.url:
            raise SystemExit("there is no Redis")
        kept = Kept(Path(place), redis.url if given.redis else None)
        for round_ in range(given.rounds):
            for past in chosen:
                url = await kept.ready(past)
                # Summaries of long dialogs are calls of the model of their own, which this is not about.
                environment = ours(Path(place), PORT, STORE__URL=url, AGENT__SUMMARY_AFTER="0")
                target = Target("iteira", serve(), environment, redis=bool(given.redis))
                async with trial(target, Path(place), Model(), redis.pid) as serving:
                    await serving.warm_up()
                    said = speaking(past, given.rate, given.seconds, round_)
                    results[past].append(await serving.measure(said, round_))
    base = tables.median(results[chosen[0]], lambda each: each.cpu)
    print(f"{given.rate:g} messages a second for {given.seconds:g} s, {given.rounds} interleaved rounds, {machine}.\n")
    head = (f"iteira, {'Redis' if given.redis else 'SQLite'}", "CPU ms/message", "times the first", "late p50 / p99 ms")
    print(
        tables.table(
            (*head, "peak MB", "wrong", "Redis ms/message"), (_row(past, results[past], base) for past in chosen)
        )
    )


def _row(past: Past, rounds: list[Figures], base: float) -> list[str]:
    cpu = tables.median(rounds, lambda each: each.cpu)
    late = f"{tables.median(rounds, lambda each: each.p50):.1f} / {tables.median(rounds, lambda each: each.p99):.0f}"
    wrong = sum(each.lost + each.doubled + each.disordered + each.refused + each.apologies for each in rounds)
    redis = tables.median(rounds, lambda each: each.redis_cpu)
    most = max(each.memory for each in rounds)
    return [
        past.name,
        f"{cpu:.2f}",
        f"{cpu / base:.2f}",
        late,
        f"{most:.0f}",
        str(wrong),
        f"{redis:.2f}" if redis else "–",
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--redis", action="store_true", help="on Redis instead of SQLite")
    options.add_argument("--only", default="", help="sessions, messages or history")
    options.add_argument("--share", type=float, default=1, help="of 10,000 sessions and 100,000 messages")
    options.add_argument("--rate", type=float, default=60, help="messages a second")
    options.add_argument("--seconds", type=float, default=8)
    options.add_argument("--rounds", type=int, default=3)
    run(measure(options.parse_args()))


if __name__ == "__main__":
    main()
