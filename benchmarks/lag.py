"""What the semantic search does to the callers beside it: `python -m benchmarks.lag [--rate 10] [--seconds 15]`.

The same load on our daemon with and without embeddings: how much later replies come, set against what embedding such a
question takes by itself, and how late the daemon's event loop is (see `watched`). No two questions in a row are equal.
The target has one core, as elsewhere: what embeds outside the interpreter lock still takes it from the event loop.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import tables
from benchmarks.callers import load
from benchmarks.process_tree import OF_THE_LOAD, OF_THE_TARGET
from benchmarks.questions import utterance
from benchmarks.targets import ROOT, Target, ours
from benchmarks.trial import PORT, Figures, run, trial
from benchmarks.upstream import Model
from server.clock import SystemClock
from server.conversation.query import query
from server.knowledge.embedding import E5
from server.knowledge.library import Library

HEAD = ("knowledge.embedder", "CPU ms/message", "late p50 / p99 ms", "event loop late p50 / p99 / most ms", "peak MB")
Lags = list[float]
"""Milliseconds, ascending."""


async def once(embedder: str, folder: Path, rate: float, seconds: float, round_: int) -> tuple[Figures, Lags]:
    lags = folder / "lags.json"
    environment = ours(folder, PORT, KNOWLEDGE__EMBEDDER=embedder) | {"BENCH_LAGS": str(lags)}
    target = Target(embedder, [sys.executable, "-m", "benchmarks.watched"], environment)
    async with trial(target, folder, Model()) as serving:
        await serving.warm_up()
        began = time.time()
        found = await serving.measure(load(rate, seconds, round_, pairs=0), round_)
        ended = time.time()
    return found, sorted(lag for at, lag in json.loads(lags.read_text()) if began <= at <= ended)


def embedding(folder: Path, rate: float, round_: int, questions: int = 40) -> float:
    """Milliseconds that one question takes by itself on the target's core, median.

    The words are those that the daemon embeds: put right, with the files' words behind them. The pace is that of the
    load: one right behind the other they would find all that they need in the core's caches.
    """
    psutil.Process().cpu_affinity([OF_THE_TARGET])
    embedder, chance, times = E5(), random.Random(round_), list[float]()
    library = Library(ROOT / "knowledge", folder, embedder="none", clock=SystemClock())
    library.open()
    for number in range(questions):
        text = library.understood(query(utterance(number, chance), ()))
        time.sleep(1 / rate)
        before = time.perf_counter()
        embedder.query(text)
        times.append(1000 * (time.perf_counter() - before))
    psutil.Process().cpu_affinity([OF_THE_LOAD])
    return tables.median(times, float)


async def measure(given: argparse.Namespace) -> None:
    machine, results = tables.machine(), {name: list[tuple[Figures, Lags]]() for name in ("none", "e5")}
    alone = list[float]()
    with tempfile.TemporaryDirectory() as place:
        for round_ in range(given.rounds):
            for embedder, found in results.items():
                found.append(await once(embedder, Path(place), given.rate, given.seconds, round_))
            alone.append(embedding(Path(place) / "words", given.rate, round_))
    later = [
        with_it.p50 - without.p50 for (without, _), (with_it, _) in zip(results["none"], results["e5"], strict=True)
    ]
    times = [much / by_itself for much, by_itself in zip(later, alone, strict=True)]
    print(f"{given.rate:g} messages a second for {given.seconds:g} s, {given.rounds} interleaved rounds, {machine}.\n")
    print(tables.table(HEAD, [_row(name, found) for name, found in results.items()]))
    print(f"\nEmbedding a question takes {tables.median(alone, float):.1f} ms by itself; replies come")
    print(f"{tables.median(later, float):.1f} ms later for it (p50), {tables.median(times, float):.2f} times as much.")


def _row(name: str, found: list[tuple[Figures, Lags]]) -> list[str]:
    cpu = tables.median(found, lambda each: each[0].cpu)
    p50, p99 = tables.median(found, lambda each: each[0].p50), tables.median(found, lambda each: each[0].p99)
    lags = [each for _, each in found]
    loop = (
        f"{tables.percentile(lags, 50):.1f} / {tables.percentile(lags, 99):.1f} / {max(each[-1] for each in lags):.0f}"
    )
    return [name, f"{cpu:.2f}", f"{p50:.1f} / {p99:.0f}", loop, f"{max(each.memory for each, _ in found):.0f}"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=10, help="messages a second")
    options.add_argument("--seconds", type=float, default=15)
    options.add_argument("--rounds", type=int, default=3)
    run(measure(options.parse_args()))


if __name__ == "__main__":
    main()
