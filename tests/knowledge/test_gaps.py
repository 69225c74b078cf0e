"""What callers asked in vain is remembered without them, put together, answered by staff, and known from then on."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from iteira_cli import answer_sheet
from iteira_cli.documents import Gap
from server.knowledge.gaps import grouped, nameless
from server.knowledge.library import Library
from server.models import Asked

from .sheets import Rows, write_sheets


def gap(question: str, *also: str) -> Gap:
    return Gap(question=question, count=1, confidence=0.1, last_asked_at="2025-11-22T08:00:00+00:00", also=list(also))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Есть ли у вас солярий?", "есть ли у вас солярий"),
        ("перезвоните 8 029 123-45-67 насчёт солярия", "перезвоните насчет солярия"),
        ("плюс триста семьдесят пять двадцать девять солярий", "плюс солярий"),
        ("хочу к Наталье Козловской на солярий", "хочу к на солярий"),
        ("пишите на anna@mail.by про солярий", "пишите на про солярий"),
        ("заказ A12B солярий", "заказ солярий"),
        ("целлюлит и элпиджи", "целлюлит и элпиджи"),
        ("две процедуры солярия", "две процедуры солярия"),
        ("Наталья, 29 123 45 67", None),
        ("сколько стоит", None),
    ],
)
def test_nothing_that_points_at_a_caller_is_kept(said: str, kept: str | None) -> None:
    assert nameless(said) == kept


def test_of_a_long_story_only_the_beginning_is_kept() -> None:
    assert len(nameless("солярий " * 100) or "") <= 200


def test_questions_that_ask_the_same_are_one_gap(library: Library) -> None:
    asked = [
        Asked("есть ли солярий", False, 0.1, 3, 10.0),
        Asked("солярии у вас есть", False, 0.1, 2, 30.0),
        Asked("делаете дреды", False, 0.1, 4, 20.0),
    ]
    gaps = grouped(asked)
    assert [(gap.question, gap.count, gap.also) for gap in gaps] == [
        ("есть ли солярий", 5, ("солярии у вас есть",)),
        ("делаете дреды", 4, ()),
    ]
    assert gaps[0].last_at == 30.0


def test_a_word_misheard_in_two_ways_is_one_gap(library: Library) -> None:
    library.open()
    asked = [Asked("маникур для собак", False, 0.1, 1, 1.0), Asked("маникюр собакам", False, 0.1, 1, 2.0)]
    assert len(grouped(asked, library.understood)) == 1


async def test_what_staff_answer_in_the_workbook_is_known_and_what_they_do_not_stays_unknown(
    library: Library, folder: Path
) -> None:
    library.open()
    gaps = [
        gap("есть солярий", "а позагорать можно"),
        gap("делаете дреды"),
    ]
    path = folder / "Вопросы.xlsx"
    answer_sheet.write(path, gaps)
    before = (await library.regenerate()).documents_count
    assert (await library.search("есть солярий")).confidence < 0.3
    book = load_workbook(path)
    book.worksheets[0]["B2"] = "Да, вертикальный, 2 рубля за минуту."
    book.save(path)
    assert (await library.regenerate()).documents_count == before + 1
    findings = await library.search("есть солярий")
    assert dict(findings.results[0].document.fields)["Ответ"] == "Да, вертикальный, 2 рубля за минуту."
    assert findings.confidence > 0.3
    assert (await library.search("делаете дреды")).confidence < 0.3


def test_a_question_that_looks_like_a_formula_is_written_as_text(tmp_path: Path) -> None:
    answer_sheet.write(tmp_path / "a.xlsx", [gap("=1+1", "=cmd|a")])
    sheet = load_workbook(tmp_path / "a.xlsx").worksheets[0]
    assert [sheet["A2"].data_type, sheet["C2"].data_type] == ["s", "s"]
    assert sheet["A2"].quotePrefix, "who edits the cell does not make a formula of it"
    with ZipFile(tmp_path / "a.xlsx") as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


async def test_a_row_of_a_table_of_questions_without_its_answer_is_left_out(library: Library, folder: Path) -> None:
    before = library.open().documents_count
    header = ["Тема", "Вопрос клиента", "Ответ администратора"]
    rows: Rows = [header, ["Оплата", "Картой можно?", "Да"], ["", "Крипта?", None]]
    write_sheets(folder / "FAQ.xlsx", {"Вопросы": rows})
    assert (await library.regenerate()).documents_count == before + 1
