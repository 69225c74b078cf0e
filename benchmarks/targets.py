"""What is measured: our daemon on its stores, and the references beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from server.settings import Limits

ROOT = Path(__file__).parents[1]
PLENTY = "100000/second"


@dataclass(frozen=True)
class Target:
    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    redis: bool = False
    """Whether it needs a Redis of its own."""
    at_most: float = float("inf")
    """Messages a second that it can carry, where that is known to be less than anybody would ask of it."""


def ours(folder: Path, port: int, **settings: str) -> dict[str, str]:
    """The environment of our daemon: as it comes, without semantic search, and without limits on one caller's address,
    since all of the callers here have the same. `settings` are further ones, as SECTION__KEY."""
    unlimited = {
        name: PLENTY
        for name in ("LIMITS__PER_USER", "LIMITS__PER_TOKEN", "LIMITS__PER_ADDRESS")
        if name[8:].lower() in Limits.model_fields
    }
    values = {
        "STORE__URL": f"sqlite:///{folder}/bench.db",
        "KNOWLEDGE__EMBEDDER": "none",
        "KNOWLEDGE__PATH": str(ROOT / "knowledge"),
        "KNOWLEDGE__WATCH": "false",
        "SERVER__PORT": str(port),
        **unlimited,
        **settings,
    }
    return {"OPENAI_API_KEY": "sk-bench"} | {f"ITEIRA_{name}": value for name, value in values.items()}


def serve() -> list[str]:
    return [sys.executable, "-m", "iteira_cli", "serve"]


def targets(folder: Path, port: int, redis: str | None) -> list[Target]:
    """All of them, those that need a Redis left out where there is none."""
    uvicorn = [sys.executable, "-m", "uvicorn", "--port", str(port), "--log-level", "warning", "--no-access-log"]

    def reference(name: str) -> list[str]:
        return [*uvicorn, f"benchmarks.references.{name}:app"]

    found = [
        Target("practical limit", reference("limit")),
        Target("idiomatic FastAPI", reference("idiomatic")),
        Target("blocking FastAPI", reference("blocking"), at_most=3),
        Target("iteira, SQLite", serve(), ours(folder, port)),
        Target("iteira, SQLite, 2 workers", serve(), ours(folder, port, SERVER__WORKERS="2")),
    ]
    if redis:
        worker = [sys.executable, "-m", "saq", "benchmarks.references.task_queue.settings"]
        both = ["sh", "-c", f"{' '.join(worker)} & exec {' '.join(reference('task_queue'))}"]
        found.insert(3, Target("task queue (FastAPI, SAQ)", both, {"REDIS_URL": redis}, redis=True))
        found.append(Target("iteira, Redis", serve(), ours(folder, port, STORE__URL=redis), redis=True))
    return found


def chosen(targets: Iterable[Target], only: str) -> list[Target]:
    """The one of this name, or those whose names hold it."""
    found = [each for each in targets if only in each.name]
    return [each for each in found if each.name == only] or found
