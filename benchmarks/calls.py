"""Many calls at the same time: `python -m benchmarks.calls [--calls 1000] [--every 10] [--seconds 40] [--only NAME]`.

First as many calls are open as said, each speaking every ten seconds, and the model takes two seconds: what waits costs
next to nothing if it is waited for well. Then as many callers say one thing each within one second, and the model takes
0.2 s: all are to be answered. Late is how much later than the model needs a reply reaches TalkMe; memory is PSS.

Out of order is told against the order of speaking. A target that is so late that two webhooks of a call wait in its
sockets cannot see which was first, so that figure means something only where the lateness is below the ten seconds.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from benchmarks import tables
from benchmarks.callers import Utterance
from benchmarks.redis_beside import redis_beside
from benchmarks.targets import chosen, targets
from benchmarks.trial import PORT, Figures, run, trial
from benchmarks.upstream import Model

HEAD = (
    "",
    "messages",
    "CPU ms/message",
    "late p50 / p99 / most ms",
    "peak MB",
    "lost",
    "doubled",
    "out of order",
    "refused",
    "other answers",
)


def open_calls(calls: int, every: float, seconds: float) -> list[Utterance]:
    """Each call speaks every so many seconds, from a moment of its own on."""
    chance, said = random.Random(1), list[Utterance]()
    for call in range(calls):
        first = chance.uniform(0, every)
        times = int((seconds - first) / every) + 1 if first < seconds else 0
        said += [Utterance(first + at * every, f"open-call-{call}", at) for at in range(times)]
    return sorted(said)


def at_once(callers: int) -> list[Utterance]:
    chance = random.Random(2)
    return sorted(Utterance(chance.uniform(0, 1), f"burst-caller-{number}") for number in range(callers))


def row(name: str, found: Figures) -> list[str]:
    late = f"{found.p50:.0f} / {found.p99:.0f} / {found.late(100):.0f}"
    counts = (found.lost, found.doubled, found.disordered, found.refused, found.apologies)
    return [name, str(found.messages), f"{found.cpu:.2f}", late, f"{found.memory:.0f}", *map(str, counts)]


async def measure(given: argparse.Namespace) -> None:
    rows, machine = [], tables.machine()
    said = {
        f"{given.calls} calls, each every {given.every:g} s": (
            Model(first=0.5, whole=2.0),
            open_calls(given.calls, given.every, given.seconds),
        ),
        f"{given.calls} callers within a second": (Model(), at_once(given.calls)),
    }
    with tempfile.TemporaryDirectory() as place, redis_beside(Path(place)) as redis:
        for target in chosen(targets(Path(place), PORT, redis.url), given.only):
            if target.at_most < 50:
                continue
            for what, (model, utterances) in said.items():
                async with trial(target, Path(place), model, redis.pid) as serving:
                    await serving.warm_up()
                    rows.append(row(f"{target.name}: {what}", found := await serving.measure(utterances)))
                tables.note(f"{target.name}: {what}: callers up to {found.slip:.0f} ms late (p99)")
    print(f"{machine}\n\n{tables.table(HEAD, rows)}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=1000)
    options.add_argument("--every", type=float, default=10, help="seconds between what a call says")
    options.add_argument("--seconds", type=float, default=40, help="how long the calls are open; 200 at most")
    options.add_argument(
        "--only", default="iteira, SQLite", help="target of this name, or whose name holds it; '' takes all"
    )
    run(measure(options.parse_args()))


if __name__ == "__main__":
    main()
