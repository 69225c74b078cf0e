"""What one message costs here and elsewhere, side by side: `python benchmarks/daemon.py [--rate 100] [--seconds 20]`.

One message is: webhook in, typing, one streamed completion of 40 chunks (first token 50 ms, all 200 ms), send, webhook
answered. The target runs on one core, load and upstream on another (where the machine has two). CPU is that of the
target's whole process tree, user and system, from /proc: the figure that other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import upstream

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
UPSTREAM, TARGET = 5977, 8977


@dataclass(frozen=True)
class Target:
    name: str
    command: list[str]
    environment: Mapping[str, str]


@dataclass
class Figures:
    cpu: float
    p50: float
    p99: float
    memory: float
    lost: int
    doubled: int
    refused: int


def targets(folder: Path, redis: str | None) -> list[Target]:
    python = sys.executable
    uvicorn = [python, "-m", "uvicorn", "--port", str(TARGET), "--log-level", "warning", "--no-access-log"]
    serve = [python, "-m", "iteira_cli", "serve", "--port", str(TARGET)]
    ours = {
        "OPENAI_API_KEY": "sk-bench",
        "ITEIRA_KNOWLEDGE__EMBEDDER": "none",
        "ITEIRA_KNOWLEDGE__PATH": str(ROOT / "knowledge"),
        "ITEIRA_KNOWLEDGE__WATCH": "false",
        "ITEIRA_LIMITS__CONCURRENT_TURNS": "1000",
    }
    found = [
        Target("practical limit", [*uvicorn, "benchmarks.references.limit:app"], {}),
        Target("idiomatic FastAPI", [*uvicorn, "benchmarks.references.idiomatic:app"], {}),
        Target("iteira, SQLite", serve, {**ours, "ITEIRA_STORE__URL": f"sqlite:///{folder}/bench.db"}),
    ]
    if redis:
        found.append(Target("iteira, Redis", serve, {**ours, "ITEIRA_STORE__URL": redis}))
    return found


def tree(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def resident(pid: int) -> float:
    """MB of the whole tree."""
    return sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) * PAGE for each in tree(pid)) / 1e6


def start(target: Target, folder: Path) -> subprocess.Popen[bytes]:
    addresses = {
        "BASE_URL_TALKME": f"http://127.0.0.1:{UPSTREAM}/",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{UPSTREAM}/v1/",
        "PYTHONPATH": str(ROOT),
    }
    pinned = ["taskset", "-c", "0"] if (os.cpu_count() or 1) > 1 else []
    log = (folder / "target.log").open("ab")
    return subprocess.Popen(
        [*pinned, *target.command],
        cwd=folder,
        env={**os.environ, **addresses, **target.environment},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


async def until_ready(http: aiohttp.ClientSession) -> None:
    for _ in range(300):
        try:
            async with http.get(f"http://127.0.0.1:{TARGET}/webhook/talkme/health") as answer:
                await answer.read()
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise SystemExit("the target does not start")


async def measure(target: Target, folder: Path, rate: float, seconds: float, round_: int) -> Figures:
    heard: defaultdict[str, list[float]] = defaultdict(list)
    server = await upstream.serve(UPSTREAM, heard)
    process = start(target, folder)
    sent: dict[str, float] = {}
    refused = 0

    async def say(http: aiohttp.ClientSession, token: str) -> None:
        nonlocal refused
        body = {"token": token, "user_id": token, "message": {"text": f"Расскажите про услугу, {token}"}}
        sent[token] = time.time()
        async with http.post(f"http://127.0.0.1:{TARGET}/webhook/talkme", json=body) as answer:
            await answer.read()
            if answer.status >= 300:
                refused += 1
                del sent[token]

    try:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(90)) as http:
            await until_ready(http)
            await asyncio.gather(*(say(http, f"warm-up-{round_}-{number}") for number in range(50)))
            sent.clear()
            heard.clear()
            before, memory = cpu_seconds(process.pid), 0.0
            chance, tasks, began = random.Random(round_), [], time.time()
            at, number = 0.0, 0
            while at < seconds:
                await asyncio.sleep(max(0.0, began + at - time.time()))
                tasks.append(asyncio.create_task(say(http, f"caller-{round_}-{number}")))
                at, number = at + chance.expovariate(rate), number + 1
                if number % 100 == 0:
                    memory = max(memory, resident(process.pid))
            await asyncio.gather(*tasks, return_exceptions=True)
            cpu = cpu_seconds(process.pid) - before
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        server.close()
    late = sorted(1000 * (heard[token][0] - at - upstream.WHOLE) for token, at in sent.items() if heard[token])
    return Figures(
        1000 * cpu / max(1, len(sent)),
        statistics.median(late) if late else float("nan"),
        late[int(0.99 * len(late))] if late else float("nan"),
        memory,
        sum(not heard[token] for token in sent),
        sum(len(heard[token]) > 1 for token in sent),
        refused,
    )


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=100, help="messages a second")
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--redis", help="URL of a Redis that nothing else uses")
    options.add_argument("--only", help="targets whose names hold this")
    given = options.parse_args()
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    rounds: defaultdict[str, list[Figures]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as place:
        chosen = [each for each in targets(Path(place), given.redis) if not given.only or given.only in each.name]
        for round_ in range(given.rounds):
            for target in chosen:
                rounds[target.name].append(await measure(target, Path(place), given.rate, given.seconds, round_))
    limit = statistics.median(each.cpu for each in rounds["practical limit"]) if "practical limit" in rounds else None
    print("| | CPU ms/message | times the limit | late p50 / p99 ms | peak MB | lost | doubled | refused |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, figures in rounds.items():
        cpu, p50, p99, memory = (
            statistics.median(getattr(each, part) for each in figures) for part in ("cpu", "p50", "p99", "memory")
        )
        lost, doubled, refused = (
            sum(getattr(each, part) for each in figures) for part in ("lost", "doubled", "refused")
        )
        times = f"{cpu / limit:.1f}" if limit else "–"
        print(
            f"| {name} | {cpu:.1f} | {times} | {p50:.1f} / {p99:.0f} | {memory:.0f} | {lost} | {doubled} | {refused} |"
        )


if __name__ == "__main__":
    asyncio.run(main())
