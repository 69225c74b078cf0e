"""Backup and restore of Redis, by the commands of docs/operations.md, under load."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from deploy.checks.nodes import redis, started
from deploy.checks.running import Missing, Report, as_root_of_its_own, run, until
from server.clock import SystemClock
from server.models import Incoming
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url

URL = "redis://127.0.0.1:6379/0"
CALLERS = 20
MESSAGES = 2000


def check(report: Report) -> None:
    """Raises `Wrong` for what does not hold, `Missing` for what cannot be seen here."""
    as_root_of_its_own("--net")
    run("ip", "link", "set", "lo", "up")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        before = asyncio.run(_back_up(report, folder))
        asyncio.run(_restore(report, folder, before))


def _cli(*words: str) -> str:
    beside = Path(sys.executable).parent / "redis-cli"
    found = shutil.which("redis-cli") or (str(beside) if beside.exists() else None)
    if found is None:
        raise Missing("redis-cli (apt-get install redis-tools)")
    return run(found, *words)


async def _opened() -> Store:
    store = store_from_url(URL, StoreLimits(), SystemClock())
    await store.open()
    return store


async def _back_up(report: Report, folder: Path) -> Sequence[str]:
    """Messages that were accepted before the copy, which is made while callers talk."""
    (folder / "data").mkdir()
    accepted: list[str] = []
    with ExitStack() as stack:
        started(stack, redis(folder / "data"), 6379)
        store = await _opened()

        async def talk(caller: int) -> None:
            while len(accepted) < MESSAGES:
                said = Incoming(f"caller-{caller}-{len(accepted) // 50}", "1", "Да", "token-of-the-salon")
                accepted.append((await store.accept(said)).message_id)

        talking = [asyncio.create_task(talk(caller)) for caller in range(CALLERS)]
        await asyncio.to_thread(until, lambda: len(accepted) > MESSAGES / 4, "callers talk")
        before = list(accepted)
        await asyncio.to_thread(_cli, "--rdb", str(folder / "iteira.rdb"))
        during = len(accepted)
        await asyncio.gather(*talking)
        await store.close()
    report.must(
        during < MESSAGES, f"a copy is made under load: {len(before)} accepted before, {during} when it was done"
    )
    return before


async def _restore(report: Report, folder: Path, before: Sequence[str]) -> None:
    data = folder / "restored"
    data.mkdir()
    shutil.copy(folder / "iteira.rdb", data / "dump.rdb")
    with ExitStack() as stack:
        reading = redis(data, "--appendonly", "no")
        started(stack, reading, 6379)
        _cli("config", "set", "appendonly", "yes")
        until(lambda: "aof_rewrite_in_progress:0" in _cli("info", "persistence"), "the append-only file is written")
        until(lambda: "aof_rewrite_scheduled:0" in _cli("info", "persistence"), "the append-only file is written")
        _cli("shutdown", "save")
        until(lambda: not reading.running, "Redis ends")
    with ExitStack() as stack:
        started(stack, redis(data), 6379)
        store = await _opened()
        lost = [message_id for message_id in before if await store.message(message_id) is None]
        claims = await store.claim("worker", 10, 5)
        await store.close()
    report.must(not lost, f"all {len(before)} messages accepted before the copy are there after a restore", lost[:5])
    report.must(len(claims) == 5, "and what waited can be worked on", len(claims))
