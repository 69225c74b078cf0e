"""From the start of a program to its first answered message: `python -m benchmarks.startup [--rounds 9]`.

A bare FastAPI program that only says yes, the idiomatic one, and our daemon with an index that is ready. The model and
TalkMe answer at once; a message is sent again every 10 ms until one is answered. Interleaved rounds, medians.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import orjson

from benchmarks import tables
from benchmarks.callers import Callers
from benchmarks.process_tree import ProcessTree
from benchmarks.targets import ROOT, Target, ours, serve
from benchmarks.trial import PORT, run
from benchmarks.upstream import Model, OtherSide

BODY = orjson.dumps({"token": "first-caller", "user_id": "first-caller", "message": {"text": "Делаете ли вы маникюр?"}})
STARTS_WITHIN = 60.0


def targets(folder: Path) -> list[Target]:
    uvicorn = [sys.executable, "-m", "uvicorn", "--port", str(PORT), "--log-level", "warning"]
    return [
        Target("bare FastAPI", [*uvicorn, "benchmarks.references.bare:app"]),
        Target("idiomatic FastAPI", [*uvicorn, "benchmarks.references.idiomatic:app"]),
        Target("iteira serve, no semantic search", serve(), ours(folder, PORT)),
        Target("iteira serve, semantic search", serve(), ours(folder, PORT, KNOWLEDGE__EMBEDDER="e5")),
    ]


async def started(target: Target, folder: Path) -> tuple[float, float]:
    """Seconds until the first message was answered, and processor time of them."""
    side = OtherSide(Model(first=0, whole=0, chunks=2))
    server = await side.serve(PORT + 1)
    addresses = {
        "BASE_URL_TALKME": f"http://127.0.0.1:{PORT + 1}/",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{PORT + 1}/v1/",
        "PYTHONPATH": str(ROOT),
    }
    began = time.perf_counter()
    tree, callers = ProcessTree(target.command, folder, {**addresses, **target.environment}), Callers(PORT)
    try:
        while await _status(callers) != 200:
            if not tree.runs() or time.perf_counter() - began > STARTS_WITHIN:
                raise SystemExit(f"the target does not start:\n{tree.said()}")
            await asyncio.sleep(0.01)
        return time.perf_counter() - began, tree.cpu()
    finally:
        callers.close()
        tree.stop()
        server.close()


async def _status(callers: Callers) -> int:
    try:
        return await callers.post(BODY)
    except OSError:
        return 0


async def measure(rounds: int) -> None:
    machine = tables.machine()
    with tempfile.TemporaryDirectory() as place:
        chosen = targets(Path(place))
        results: dict[str, list[tuple[float, float]]] = {each.name: [] for each in chosen}
        for round_ in range(rounds + 1):
            for target in chosen:
                found = await started(target, Path(place))
                if round_:  # the first one fills the caches and builds the index
                    results[target.name].append(found)
    base = tables.median(results["bare FastAPI"], lambda each: each[0])
    rows = []
    for name, times in results.items():
        wall, cpu = tables.median(times, lambda each: each[0]), tables.median(times, lambda each: each[1])
        rows.append((name, f"{1000 * wall:.0f}", f"{1000 * cpu:.0f}", f"{wall / base:.2f}"))
    print(f"{rounds} interleaved rounds, {machine}.\n")
    print(tables.table(("start to first answered message", "ms", "CPU ms", "times the bare program"), rows))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=9)
    run(measure(options.parse_args().rounds))


if __name__ == "__main__":
    main()
