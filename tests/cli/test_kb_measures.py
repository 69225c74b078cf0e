"""`iteira kb eval` and `iteira kb diff`, on real files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from iteira_cli.app import app
from tests.workbooks import PRICES, write_workbook

from .scripted_daemon import ScriptedDaemon

QUESTIONS = [
    {"text": "маникюр почем", "kind": "price", "expected": [{"file": "Цены.xlsx", "sheet": "Услуги", "row": 2}]},
    {"text": "женская стрижка", "kind": "plain", "expected": [{"file": "Цены.xlsx", "location": "Услуги!4"}]},
    {"text": "массаж спины", "kind": "plain", "expected": [{"file": "Цены.xlsx", "location": "Услуги!2"}]},
    {"text": "ремонт телефонов", "kind": "none", "expected": []},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITEIRA_KNOWLEDGE__EMBEDDER", "none")
    return write_workbook(tmp_path / "knowledge" / "Цены.xlsx").parent


def kb(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["kb", *map(str, arguments)])


def questions(folder: Path, lines: Sequence[object] = QUESTIONS) -> Path:
    path = folder.parent / "questions.jsonl"
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    return path


def test_eval_tells_how_much_is_found_by_kind_and_what_is_missed(folder: Path) -> None:
    shown = kb("eval", questions(folder), "--knowledge", folder)
    assert shown.exit_code == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert "all 3 0.667 1.000 1.000 0.833" in lines
    assert "plain 2 0.500 1.000 1.000 0.750" in lines
    assert any(line.startswith("plain массаж спины") and line.endswith("Цены.xlsx: Услуги!8") for line in lines)
    assert any("AUC 1.000" in line for line in lines)


def test_eval_as_json_has_the_same_figures(folder: Path) -> None:
    document = json.loads(kb("eval", questions(folder), "--knowledge", folder, "--json").stdout)
    assert (document["questions"], document["embedder"], document["auc"]) == (4, "none", 1.0)
    assert [one["kind"] for one in document["kinds"]] == ["all", "price", "plain"]
    assert document["kinds"][1] == {
        "kind": "price", "count": 1, "mrr": 1.0, "recall_at_1": 1.0, "recall_at_3": 1.0, "recall_at_5": 1.0,
    }  # fmt: skip
    assert [miss["text"] for miss in document["misses"]] == ["массаж спины"]


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "holds no question"), ('{"kind": "x"}', "line 1: text"), ("no json", "line 1"), (None, "cannot be read")],
)
def test_a_file_that_holds_no_questions_is_wrong_usage(folder: Path, content: str | None, told: str) -> None:
    path = folder.parent / "questions.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    shown = kb("eval", path, "--knowledge", folder)
    assert shown.exit_code == 2
    assert told in shown.stderr


def test_eval_without_knowledge_says_so(folder: Path, tmp_path: Path) -> None:
    shown = kb("eval", questions(folder), "--knowledge", tmp_path / "nowhere")
    assert shown.exit_code == 1
    assert "nowhere does not exist" in shown.stderr


MORE = [*PRICES, ("Солярий", "Загар", 2, None, None)]


@pytest.mark.parametrize(("rows", "code"), [(PRICES, 0), (MORE, 0), (PRICES[:-1], 1)])
def test_diff_ends_with_1_if_a_question_that_was_answered_would_not_be(
    daemon: ScriptedDaemon, folder: Path, tmp_path: Path, rows: Sequence[tuple[str, ...]], code: int
) -> None:
    asked = [
        {"text": text, "answered": True, "confidence": 0.9, "count": count}
        for text, count in (("массаж спины", 3), ("есть солярий", 2), ("женская стрижка", 1))
    ]
    daemon.answers = {"GET /knowledge-base/questions": (200, {"questions": asked})}
    new = write_workbook(tmp_path / "new" / "Цены.xlsx", rows).parent
    shown = kb("diff", new, "--knowledge", folder, "--url", daemon.url, "--json")
    assert shown.exit_code == code, shown.stderr
    document = json.loads(shown.stdout)
    changes = {one["question"]: one["change"] for one in document["questions"]}
    assert document["asked"] == 3
    assert changes["женская стрижка"] in {"same", "better", "worse"}
    assert changes["массаж спины"] == ("lost" if code else "same") or len(rows) > len(PRICES)
    assert changes["есть солярий"] == ("gained" if len(rows) > len(PRICES) else "same")
