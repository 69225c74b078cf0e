"""`iteira kb gaps`: what staff shall answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from iteira_cli.app import app

from .scripted_daemon import ScriptedDaemon

GAPS: dict[str, Any] = {
    "total": 7,
    "gaps": [
        {
            "question": "есть солярий",
            "count": 5,
            "confidence": 0.12,
            "last_asked_at": "2025-11-22T08:00:00+00:00",
            "also": ["солярии у вас есть"],
        }
    ],
}


@pytest.fixture(autouse=True)
def _scripted(daemon: ScriptedDaemon) -> None:
    daemon.answers = {
        "GET /knowledge-base/gaps?limit=50": (200, GAPS),
        "GET /knowledge-base/gaps?limit=2000": (200, GAPS),
        "GET /knowledge-base/gaps?limit=1": (200, GAPS),
        "DELETE /knowledge-base/gaps": (200, {"message": "Questions forgotten: 7", "forgotten": 7}),
    }


def gaps(daemon: ScriptedDaemon, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["kb", "gaps", *arguments, "--url", daemon.url])


def test_gaps_are_shown_with_their_counts(daemon: ScriptedDaemon) -> None:
    lines = [" ".join(line.split()) for line in gaps(daemon).stdout.splitlines()]
    assert lines[0] == "Not answered: 7"
    assert "5 есть солярий солярии у вас есть" in lines


def test_json_is_the_document_of_the_api_unchanged(daemon: ScriptedDaemon) -> None:
    assert json.loads(gaps(daemon, "--json").stdout) == GAPS


def test_the_workbook_has_room_for_the_answers_and_an_older_one_is_not_written_over(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    path = tmp_path / "Вопросы.xlsx"
    assert gaps(daemon, "--xlsx", str(path)).exit_code == 0
    rows = list(load_workbook(path).worksheets[0].iter_rows(values_only=True))
    assert rows == [("Вопрос", "Ответ", "Так тоже спрашивают"), ("Есть солярий?", None, "солярии у вас есть")]
    again = gaps(daemon, "--xlsx", str(path))
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_forgetting_all_needs_an_agreement(daemon: ScriptedDaemon) -> None:
    assert gaps(daemon, "--clear").exit_code == 2
    assert not any(seen.startswith("DELETE") for seen in map(str, daemon.seen))
    assert "Questions forgotten: 7" in gaps(daemon, "--clear", "--yes").stdout


@pytest.mark.parametrize("beside", [("--xlsx", "x.xlsx"), ("--forget", "есть солярий")])
def test_forgetting_all_does_not_go_with_anything_else(daemon: ScriptedDaemon, beside: tuple[str, str]) -> None:
    refused = gaps(daemon, "--clear", *beside, "--yes")
    assert (refused.exit_code, "one of them is expected" in refused.stderr) == (2, True)
    assert not daemon.seen


def test_a_workbook_has_the_name_of_one(daemon: ScriptedDaemon, tmp_path: Path) -> None:
    refused = gaps(daemon, "--xlsx", str(tmp_path / "Вопросы.csv"))
    assert (refused.exit_code, "ends with .xlsx" in refused.stderr) == (2, True)


def test_that_there_are_more_is_said(daemon: ScriptedDaemon) -> None:
    assert "There are 7" in gaps(daemon, "--limit", "1").stderr
    assert "There are" not in gaps(daemon).stderr
