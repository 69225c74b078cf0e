"""The benchmarks still run. What they measure is nobody's promise here: no time is asserted."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks
from benchmarks.targets import ours
from server.settings import load
from tests.ports import free_port

ROOT = Path(__file__).parents[1]


def run(*command: str) -> str:
    """What a benchmark prints."""
    environment = {**os.environ, "BENCH_PORT": str(three_ports())}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def three_ports() -> int:
    """The first of three that follow each other: the target's, the other side's and that of a Redis."""
    found = [free_port() for _ in range(3)]
    while found[2] != found[0] + 2:
        found = [*found[1:], free_port()]
    return found[0]


@pytest.mark.parametrize("name", [each.name for each in pkgutil.iter_modules(benchmarks.__path__)])
def test_each_benchmark_says_what_it_measures(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}").__doc__


def test_a_target_is_started_spoken_to_and_measured() -> None:
    printed = run("benchmarks.daemon", "--only", "limit", "--rate", "20", "--seconds", "1", "--rounds", "1")
    assert "| practical limit |" in printed


def test_the_stores_are_measured_with_a_real_redis_too() -> None:
    printed = run("benchmarks.stores", "--messages", "20", "--rounds", "1")
    for engine in ("SQLite", "Redis", "memory"):
        assert f"| {engine} " in printed


def test_our_daemon_is_measured_with_settings_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ours(tmp_path, 25_900).items():
        monkeypatch.setenv(name, value)
    assert load().store.url == f"sqlite:///{tmp_path}/bench.db"
