"""`iteira drill`: it finds the promises kept, it finds one that is broken, and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.polling import eventually
from tests.process_groups import alive, process_groups
from tests.workbooks import write_workbook

COMMAND = """
from iteira_cli.app import COMMANDS, Entry, main
COMMANDS.setdefault("drill", Entry("drill", "drill", "Try out"))
main()
"""
DEAF = """
import mock_server.app
honest = mock_server.app.create_app
def swallowing(*, watch):
    heard = []
    def sometimes(call, event):
        heard.append(event)
        if event.kind != "reply" or sum(each.kind == "reply" for each in heard) != 5:
            watch(call, event)
    return honest(watch=sometimes)
mock_server.app.create_app = swallowing
"""
"""A mock TalkMe that says it has taken the fifth reply, and has not."""
REFUSING = """
import asyncio
import mock_server.app
from fastapi.responses import JSONResponse
open_to_all = mock_server.app.create_app
def with_one_token_barred(**options):
    app = open_to_all(**options)
    @app.middleware("http")
    async def bar(request, call_next):
        if not request.headers.get("x-token", "").endswith("-1"):
            return await call_next(request)
        await asyncio.sleep(0.5)
        return JSONResponse({"success": False, "error": {"descr": "Неверный токен"}})
    return app
mock_server.app.create_app = with_one_token_barred
"""
"""A mock TalkMe that refuses the token of one caller, but only when the webhook has already been answered."""


def drill(folder: Path, *options: str, before: str = "") -> subprocess.Popen[str]:
    write_workbook(folder / "knowledge" / "Прайс.xlsx")
    (folder / "temporary").mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", before + COMMAND, "drill", *options],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "temporary"), "BASE_URL_TALKME": "http://127.0.0.1:9/"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in (folder / "temporary").iterdir()]


def test_a_short_drill_with_kills_finds_every_promise_kept(tmp_path: Path) -> None:
    options = "--duration 8s --kill-every 2s --seed 7 --workers 2 --lease 2 --json"
    with drill(tmp_path, *options.split()) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    document: dict[str, Any] = json.loads(out)
    assert document["clean"] is True
    assert document["seed"] == 7
    assert document["accepted"] == document["answered"] + document["failed"] + document["expired"] > 50
    assert (document["lost"], document["doubled"], document["out_of_order"], document["stray"]) == (0, 0, 0, 0)
    assert sum(document["faults"].values()) > 0
    assert document["violations"] == []
    assert left_behind(tmp_path) == []


def test_a_reply_that_never_arrives_is_found_and_ends_with_exit_code_1(tmp_path: Path) -> None:
    options = "--duration 2s --kill-every 0s --seed 7 --workers 1 --callers 5"
    with drill(tmp_path, *options.split(), before=DEAF) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "promises were broken: 1 lost" in err
    assert "drill --seed 7" in err
    assert [line.split()[0] for line in out.splitlines() if "lost  drill-" in line] == ["lost"]
    assert [name.startswith("iteira-drill-") for name in left_behind(tmp_path)] == [True], "its logs are kept"


def test_what_the_daemon_could_not_deliver_is_counted_as_failed_and_not_as_lost(tmp_path: Path) -> None:
    options = "--duration 2s --kill-every 0s --seed 7 --workers 1 --callers 4 --json"
    with drill(tmp_path, *options.split(), before=REFUSING) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    document = json.loads(out)
    assert document["failed"] > 0
    assert document["accepted"] == document["answered"] + document["failed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_drill_ends_with_130_and_leaves_no_process_and_no_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    with drill(tmp_path, "--duration", "10m", "--kill-every", "1s", "--nodes", "2", "--workers", "2") as process:
        assert process.stderr is not None
        while "killed" not in process.stderr.readline():
            assert process.poll() is None
        # A node that was killed is started anew right behind that line.
        nodes = await eventually(lambda: process_groups(started_by=process.pid), lambda groups: len(groups) == 2)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == 130
    await eventually(lambda: alive(nodes), lambda pids: pids == [])
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--duration", "soon"], "expected one like 60s, 5m or 500ms"),
        (["--duration", "0s"], "expected more than 0s"),
        (["--store", "memory://"], "expected sqlite or a URL like redis://127.0.0.1:6379/0"),
        (["--knowledge", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_drilled_is_wrong_usage(tmp_path: Path, options: list[str], said: str) -> None:
    with drill(tmp_path, *options) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert said in " ".join(err.split())
    assert left_behind(tmp_path) == []
