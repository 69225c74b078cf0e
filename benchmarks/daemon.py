"""What one message costs here and elsewhere, side by side: `make bench`, or
`python -m benchmarks.daemon [--rate 100] [--seconds 20] [--rounds 3] [--redis URL] [--only NAME]`.

One message is: webhook in, typing, one streamed completion of 40 chunks (first token 50 ms, all 200 ms), send, webhook
answered. One caller in twenty goes on talking as soon as «typing» shows, and the model takes longer for what was said
first, so that order is a matter of keeping it. A target has one core, callers and other side another one (where the
machine has two); targets take turns, round by round. CPU is that of the target's whole process tree, user and system,
from the operating system: the figure that other work on the machine disturbs least. Memory is PSS of the tree, late is
how much later than the model needs the reply reaches TalkMe. The Redis is a real one that is started for this, with
appendfsync always as durable as the SQLite file; its own CPU is told apart.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks import budgets, tables
from benchmarks.budgets import LIMIT
from benchmarks.callers import load
from benchmarks.redis_beside import redis_beside
from benchmarks.targets import Target, chosen, targets
from benchmarks.trial import PORT, Figures, run, trial
from benchmarks.upstream import Model

MODEL = Model(slow=2)
HEAD = (
    "",
    "CPU ms/message",
    "times the limit",
    "late p50 / p99 ms",
    "peak MB",
    "lost",
    "doubled",
    "out of order",
    "refused",
    "at rest, % of a core",
    "Redis ms/message",
)


async def measure(
    target: Target, folder: Path, rate: float, seconds: float, round_: int, redis: int | None = None
) -> Figures:
    async with trial(target, folder, MODEL, redis) as serving:
        await serving.warm_up()
        await serving.rest(1.0)
        return await serving.measure(load(min(rate, target.at_most), seconds, round_), round_)


def row(name: str, rounds: list[Figures], limit: float | None) -> list[str]:
    cpu, redis = tables.median(rounds, lambda each: each.cpu), tables.median(rounds, lambda each: each.redis_cpu)
    return [
        name,
        f"{cpu:.2f}",
        f"{cpu / limit:.1f}" if limit else "–",
        f"{tables.median(rounds, lambda each: each.p50):.1f} / {tables.median(rounds, lambda each: each.p99):.0f}",
        f"{max(each.memory for each in rounds):.0f}",
        *(str(sum(getattr(each, what) for each in rounds)) for what in ("lost", "doubled", "disordered", "refused")),
        f"{tables.median(rounds, lambda each: each.idle):.1f}",
        f"{redis:.2f}" if redis else "–",
    ]


def remarks(results: dict[str, list[Figures]], measured: list[Target], rate: float) -> list[str]:
    found = [
        f"{each.name}: at {each.at_most:g} messages a second, all that it can carry"
        for each in measured
        if each.at_most < rate
    ]
    for name, rounds in results.items():
        slip = tables.median(rounds, lambda each: each.slip)
        if slip > 10:
            found.append(f"{name}: the callers themselves were up to {slip:.0f} ms late (p99)")
        if apologies := sum(each.apologies for each in rounds):
            found.append(f"{name}: {apologies} messages were answered with something else than the model's words")
    return found


async def compare(given: argparse.Namespace) -> None:
    results: defaultdict[str, list[Figures]] = defaultdict(list)
    machine = tables.machine()
    with tempfile.TemporaryDirectory() as place, redis_beside(Path(place), given.redis) as redis:
        measured = chosen(targets(Path(place), PORT, redis.url), given.only)
        for round_ in range(given.rounds):
            for target in measured:
                results[target.name].append(
                    await measure(target, Path(place), given.rate, given.seconds, round_, redis.pid)
                )
    limit = tables.median(results[LIMIT], lambda each: each.cpu) if LIMIT in results else None
    print(f"{given.rate:g} messages a second for {given.seconds:g} s, {given.rounds} interleaved rounds, {machine}.")
    print("Medians of the rounds; of memory the most, of counts the sum.\n")
    print(tables.table(HEAD, [row(name, rounds, limit) for name, rounds in results.items()]))
    for remark in remarks(results, measured, given.rate):
        print(f"\n{remark}.")
    if account := budgets.account(results):
        print(f"\n{account}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=100, help="messages a second")
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--redis", help="URL of a Redis that nothing else uses, instead of one of its own")
    options.add_argument("--only", default="", help="the target of this name, or those whose names hold it")
    run(compare(options.parse_args()))


if __name__ == "__main__":
    main()
