"""How many messages a second one core carries, and what happens beyond: `python -m benchmarks.saturation`.

The highest rate at which nothing is lost or refused, everybody hears the model and lateness stays bounded: of the last
third of the load, the 99th percentile is at most a second. Found by doubling, then by halving what is between, each
rate on a target just started. Where the target had far less than its whole core (told beside the rate), other programs
had the rest: this one needs a quiet machine.

Then overload: `--beyond` times that rate for `--overload` seconds, and five calls a second after it. Told are what was
refused, the memory, and after how many seconds from the end of the load replies are as quick as they were before: half
of a second's calls no later than twice the median then, or 20 ms, and at least four of the five taken. Whoever is
refused does not come again. Nearly all callers have a connection of their own then, since those before them still wait;
how late the callers themselves are (p99) tells whether it is the target that one waits for.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tables
from benchmarks.callers import Said, Utterance, load
from benchmarks.redis_beside import redis_beside
from benchmarks.targets import Target, chosen, targets
from benchmarks.trial import PORT, Figures, Trial, run, trial
from benchmarks.upstream import Model

BOUND = 1000.0
"""Milliseconds."""
AFTER = 5.0
"""Messages a second after the overload."""
CALM = 20.0
"""Milliseconds; so late is nobody's business, whatever was before."""


@dataclass
class Overload:
    rate: float
    taken: int
    refused: int
    lost: int
    doubled: int
    apologies: int
    memory_before: float
    memory: float
    late: float
    """p99 of those that were taken, milliseconds."""
    slip: float
    """p99 of how late the callers themselves were, milliseconds."""
    recovery: float
    """Seconds; infinite where it was not normal again while it was watched."""


class Search:
    """Of one target. `seconds`: how long each rate is tried."""

    def __init__(self, target: Target, folder: Path, seconds: float, redis: int | None) -> None:
        self._target, self._folder, self._seconds, self._redis = target, folder, seconds, redis

    async def highest(self, precision: float) -> tuple[float, Figures | None]:
        """The rate, and what it was like there; `precision` is the share to which it is found."""
        low, high, best = 0.0, 50.0, None
        while (found := await self._holds(high)) is not None:
            low, high, best = high, 2 * high, found
        while high - low > precision * high and high > 1:
            middle = (low + high) / 2
            if (found := await self._holds(middle)) is not None:
                low, best = middle, found
            else:
                high = middle
        return low, best

    async def _holds(self, rate: float) -> Figures | None:
        async with trial(self._target, self._folder, Model(slow=2), self._redis) as serving:
            await serving.warm_up()
            said = load(rate, self._seconds, int(rate))
            found = await serving.measure(said, int(rate))
        wrong = found.lost + found.doubled + found.refused + found.apologies
        holds = not wrong and found.late(99, since=self._seconds * 2 / 3) <= BOUND
        verdict = "holds" if holds else "too much"
        tables.note(
            f"{self._target.name}: {rate:.0f}/s {verdict}: p99 {found.p99:.0f} ms, {found.cpu:.2f} ms CPU, "
            f"{wrong} wrong, callers {found.slip:.0f} ms late"
        )
        return found if holds else None

    async def overload(self, rate: float, seconds: float) -> Overload:
        async with trial(self._target, self._folder, Model(slow=2), self._redis) as serving:
            await serving.warm_up()
            before = await serving.measure(_sparse("before", 6.0), 1)
            normal = max(CALM, 2 * before.p50)
            memory = serving.tree.memory()
            under = asyncio.create_task(serving.measure(load(rate, seconds, 1, pairs=0), 2))
            await asyncio.sleep(seconds)
            recovery = await _recovery(serving, normal)
            found = await under
        return Overload(
            rate,
            found.messages,
            found.refused,
            found.lost,
            found.doubled,
            found.apologies,
            memory,
            found.memory,
            found.p99,
            found.slip,
            recovery,
        )


def _sparse(name: str, seconds: float) -> list[Utterance]:
    return [Utterance(number / AFTER, f"caller-{name}-{number}") for number in range(int(seconds * AFTER))]


async def _recovery(serving: Trial, normal: float) -> float:
    """Seconds until calls that come in now are answered as they were before."""
    said, seconds = Said(), 90.0
    calling = asyncio.create_task(serving.callers.say(_sparse("after", seconds), 3, said))
    while not calling.done():
        await asyncio.sleep(0.2)
        by_second = defaultdict[int, list[float]](list)
        for at, late in serving.lateness(said):
            by_second[int(at)].append(late)
        for second, found in sorted(by_second.items()):
            if len(found) >= AFTER - 1 and statistics.median(found) <= normal:
                calling.cancel()
                return float(second)
    return float("inf")


async def all_of(given: argparse.Namespace) -> None:
    rates, overloads = [], []
    machine = tables.machine()
    with tempfile.TemporaryDirectory() as place, redis_beside(Path(place)) as redis:
        for target in chosen(targets(Path(place), PORT, redis.url), given.only):
            if target.at_most < 50:
                continue
            search = Search(target, Path(place), given.seconds, redis.pid)
            rate, best = (given.rate, None) if given.rate else await search.highest(given.precision)
            rates.append((target.name, f"{rate:.0f}", *_cost(rate, best)))
            if given.beyond:
                found = await search.overload(given.beyond * rate, given.overload)
                overloads.append((target.name, *_row(found)))
    print(f"{machine}\n")
    print(tables.table(("one core", "messages/s", "CPU ms/message", "% of the core", "late p50 / p99 ms"), rates))
    if overloads:
        head = ("beyond", "messages/s", "taken", "refused", "lost", "doubled", "other answers")
        more = ("MB before / most", "late p99 ms", "callers late p99 ms", "normal after, s")
        print(f"\nOverload for {given.overload:g} s:\n\n{tables.table((*head, *more), overloads)}")


def _cost(rate: float, found: Figures | None) -> list[str]:
    if found is None:
        return ["–", "–", "–"]
    return [f"{found.cpu:.2f}", f"{rate * found.cpu / 10:.0f}", f"{found.p50:.1f} / {found.p99:.0f}"]


def _row(found: Overload) -> list[str]:
    counts = (found.taken, found.refused, found.lost, found.doubled, found.apologies)
    return [
        f"{found.rate:.0f}",
        *map(str, counts),
        f"{found.memory_before:.0f} / {found.memory:.0f}",
        f"{found.late:.0f}",
        f"{found.slip:.0f}",
        f"{found.recovery:.1f}",
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--only", default="iteira, SQLite", help="target of this name, or whose name holds it; '' takes all"
    )
    options.add_argument("--seconds", type=float, default=12, help="how long each rate is tried")
    options.add_argument("--precision", type=float, default=0.06, help="share to which the rate is found")
    options.add_argument("--rate", type=float, help="a rate that is known to hold: only overload is measured")
    options.add_argument("--beyond", type=float, default=2, help="overload as a multiple of it; 0 leaves it out")
    options.add_argument("--overload", type=float, default=20, help="seconds of it")
    run(all_of(options.parse_args()))


if __name__ == "__main__":
    main()
