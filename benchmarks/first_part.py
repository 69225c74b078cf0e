"""How soon the caller hears the first sentence: `python -m benchmarks.first_part [--rate 30] [--seconds 15]`.

Our daemon in `agent.reply_mode = sentences`, a model whose first sentence is a quarter of its answer. Told is how long
after the end of that sentence (its full stop, which comes as a piece of its own as from a real model) the first part
reaches TalkMe; beside it the same for `whole`, which waits for the rest.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks import tables
from benchmarks.callers import Utterance
from benchmarks.questions import SERVICES
from benchmarks.targets import Target, ours, serve
from benchmarks.trial import PORT, run, trial
from benchmarks.upstream import Model, OtherSide

MODEL = Model(first=0.05, whole=0.4, sentence=10)


def said(rate: float, seconds: float) -> list[Utterance]:
    """At even distances and each about the next service: which sentence was whose is seen from their order."""
    return [
        Utterance(number / rate, f"listener-{number:06}", number % len(SERVICES))
        for number in range(int(rate * seconds))
    ]


def waits(side: OtherSide) -> list[float]:
    """Milliseconds from the end of each first sentence to the first part at TalkMe, ascending."""
    asked, found = Counter[int](), list[float]()
    for token in sorted(side.replies):
        number, heard = side.replies[token][0]
        ended = side.sentences[SERVICES[number]][asked[number]]
        asked[number] += 1
        found.append(1000 * (heard - ended))
    return sorted(found)


async def measure(given: argparse.Namespace) -> None:
    machine, results = tables.machine(), {mode: list[list[float]]() for mode in ("sentences", "whole")}
    with tempfile.TemporaryDirectory() as place:
        for _ in range(given.rounds):
            for mode, found in results.items():
                target = Target(mode, serve(), ours(Path(place), PORT, AGENT__REPLY_MODE=mode))
                async with trial(target, Path(place), MODEL) as serving:
                    await serving.warm_up()
                    figures = await serving.measure(said(given.rate, given.seconds))
                    if figures.lost or figures.refused or figures.apologies:
                        raise SystemExit(f"{mode}: not everybody was answered by the model: {figures}")
                    found.append(waits(serving.side))
    rows = [
        (mode, f"{tables.percentile(rounds, 50):.1f}", f"{tables.percentile(rounds, 99):.0f}")
        for mode, rounds in results.items()
    ]
    print(f"{given.rate:g} messages a second for {given.seconds:g} s, {given.rounds} interleaved rounds, {machine}.\n")
    print(tables.table(("agent.reply_mode", "p50 ms after the first sentence's end", "p99 ms"), rows))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=30, help="messages a second; 50 at most")
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--rounds", type=int, default=3)
    run(measure(options.parse_args()))


if __name__ == "__main__":
    main()
