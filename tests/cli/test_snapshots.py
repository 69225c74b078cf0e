"""The words of the program as a whole: its help, and what it says when something is wrong.

Whoever changes them sees the change as a reader will: `UPDATE_SNAPSHOTS=1 make test ARGS=tests/cli/test_snapshots.py`
writes the files again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .scripted_daemon import ScriptedDaemon
from .terminal import iteira

SNAPSHOTS = Path(__file__).parent / "snapshots"
REFUSED = (401, {"success": False, "error": "no"})
AWAY = (503, {"success": False, "error": "the store is away: disk I/O error"})

DOWN = ["stats", "sessions list", "why anna", "failed list", "kb status", "sessions clear anna --yes"]
"""With a daemon that is not there: each one line of what is wrong, one of what to do."""
WRONG = [
    "stast",
    "stats --frobnicate",
    "stats 5",
    "stats --watch",
    "--json stats",
    "stats --url nowhere",
    "sessions show nobody",
    "sessions export nobody",
    "sessions clear",
    "sessions clear anna",
    "sessions list --since soon",
    "sessions list --sort luck",
    "why nobody",
    "failed show 7",
    "failed retry 7 --yes",
    "--config missing.toml config check",
]


def same(name: str, shown: str) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == shown


def said(lines: list[str], url: str, expected: int | None = None) -> str:
    told = []
    for line in lines:
        shown = iteira(*line.split(), ITEIRA_URL=url)
        assert shown.stdout == "", line
        assert shown.returncode in ({1, 2, 3} if expected is None else {expected}), line
        told.append(f"$ iteira {line}\n{shown.stderr}exit code {shown.returncode}\n")
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", "\n".join(told))


def test_the_help_of_the_program() -> None:
    shown = iteira("--help", COLUMNS="80").stdout
    same("help.txt", "".join(f"{line.rstrip()}\n" for line in shown.splitlines()))


def test_what_is_said_when_the_daemon_is_down(nobody: str) -> None:
    same("down.txt", said(DOWN, nobody, 3))


def test_what_is_said_when_the_call_is_wrong(daemon: ScriptedDaemon) -> None:
    same("wrong.txt", said(WRONG, daemon.url))


def test_what_is_said_when_the_daemon_refuses(daemon: ScriptedDaemon) -> None:
    daemon.any = lambda seen: AWAY
    away = said(["stats", "sessions list"], daemon.url, 1)
    daemon.any = lambda seen: REFUSED
    denied = said(["stats", "stats --token a-token-that-is-wrong", "failed list"], daemon.url, 3)
    same("refused.txt", f"{away}\n{denied}")
