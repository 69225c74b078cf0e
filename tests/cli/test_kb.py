from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest
from typer.testing import CliRunner, Result

from iteira_cli.app import app

from .documents import KNOWLEDGE, SEARCH
from .scripted_daemon import ScriptedDaemon

QUESTION = "сколько стоит маникюр & педикюр?"


@pytest.fixture(autouse=True)
def _scripted(daemon: ScriptedDaemon) -> None:
    daemon.answers = {
        "GET /knowledge-base/status": (200, KNOWLEDGE),
        "POST /knowledge-base/regenerate": (200, KNOWLEDGE | {"documents_count": 171}),
        f"GET /knowledge-base/search?q={quote_plus(QUESTION)}": (200, SEARCH),
    }


def kb(daemon: ScriptedDaemon, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["kb", *arguments, "--url", daemon.url])


@pytest.mark.parametrize(
    ("command", "document"),
    [
        (["status"], KNOWLEDGE),
        (["search", QUESTION], SEARCH),
        (["reindex"], KNOWLEDGE | {"documents_count": 171}),
    ],
)
def test_json_is_the_document_of_the_api_unchanged(
    daemon: ScriptedDaemon, command: list[str], document: dict[str, object]
) -> None:
    shown = kb(daemon, *command, "--json")
    assert shown.exit_code == 0, shown.stderr
    assert json.loads(shown.stdout) == document


def test_a_search_shows_its_confidence_and_where_each_row_stands(daemon: ScriptedDaemon) -> None:
    lines = [" ".join(line.split()) for line in kb(daemon, "search", QUESTION).stdout.splitlines()]
    assert lines[0] == "Confidence 0.83 (0 to 1)"
    assert "0.97 Услуги и цены.xlsx Услуги!5 Услуга: Маникюр, Цена: 42" in lines


def test_a_search_that_finds_nothing_says_so(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /knowledge-base/search?q=x"] = (200, SEARCH | {"results": [], "confidence": 0.0})
    assert "Found: nothing" in kb(daemon, "search", "x").stdout


def test_an_empty_question_is_wrong_usage(daemon: ScriptedDaemon) -> None:
    assert kb(daemon, "search", "  ").exit_code == 2
    assert daemon.seen == []


@pytest.mark.parametrize(("command", "documents"), [("status", "170"), ("reindex", "171")])
def test_people_see_the_figures_and_which_file_could_not_be_read(
    daemon: ScriptedDaemon, command: str, documents: str
) -> None:
    shown = kb(daemon, command)
    assert f"Documents {documents}" in " ".join(shown.stdout.split())
    assert "Warning: prices.xlsx: is no spreadsheet" in shown.stderr


def test_a_refused_rebuild_is_told_in_the_daemons_words(daemon: ScriptedDaemon) -> None:
    daemon.answers["POST /knowledge-base/regenerate"] = (500, {"success": False, "error": "the disk is full"})
    shown = kb(daemon, "reindex")
    assert shown.exit_code == 1
    assert "500: the disk is full" in shown.stderr
