"""What the xlsx loader makes of the workbooks that staff keep."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from server.errors import KnowledgeError
from server.knowledge import loaders
from tests.knowledge.sheets import Rows, write_sheets


def texts(path: Path) -> dict[str, str]:
    return {document.location: document.text for document in loaders.load(path)}


def one_sheet(tmp_path: Path, rows: Rows, merged: tuple[str, ...] = ()) -> dict[str, str]:
    return texts(write_sheets(tmp_path / "Цены.xlsx", {"Лист": rows}, merged=merged))


def test_a_row_becomes_a_document_of_column_value_lines_without_blank_cells(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "Цены.xlsx", {"Салон": [["Услуга", "Цена", "Примечание"], ["Стрижка", 40, None]]})
    (document,) = loaders.load(path)
    assert document.text == "Услуга: Стрижка\nЦена: 40"
    assert document.fields == (("Услуга", "Стрижка"), ("Цена", "40"))
    assert (document.source, document.location) == ("Цены.xlsx", "Салон!2")


def test_a_title_line_and_blank_rows_above_the_header_are_passed_over_and_row_numbers_stay_those_of_excel(
    tmp_path: Path,
) -> None:
    rows: Rows = [
        ["Прайс на март", None, None],
        [],
        ["Услуга", "Цена", "Время"],
        ["Стрижка", 40, 30],
        [],
        ["Укладка", 45, 40],
    ]
    assert one_sheet(tmp_path, rows, merged=("A1:C1",)) == {
        "Лист!4": "Услуга: Стрижка\nЦена: 40\nВремя: 30",
        "Лист!6": "Услуга: Укладка\nЦена: 45\nВремя: 40",
    }


def test_a_title_of_two_cells_is_no_header(tmp_path: Path) -> None:
    titled: Rows = [["Прайс-лист", "с 01.09.2026"], ["Услуга", "Цена", "Длительность"], ["Стрижка", 40, 30]]
    assert one_sheet(tmp_path, titled) == {"Лист!3": "Услуга: Стрижка\nЦена: 40\nДлительность: 30"}


@pytest.mark.parametrize("merged", [("B1:C1",), ("A1:A2", "B1:C1")])
def test_a_header_of_two_lines_names_each_column_by_both(tmp_path: Path, merged: tuple[str, ...]) -> None:
    rows: Rows = [["Услуга", "Цена", None], [None, "Женщины", "Мужчины"], ["Стрижка", 45, 30], ["Укладка", 25, None]]
    assert one_sheet(tmp_path, rows, merged) == {
        "Лист!3": "Услуга: Стрижка\nЦена Женщины: 45\nЦена Мужчины: 30",
        "Лист!4": "Услуга: Укладка\nЦена Женщины: 25",
    }


def test_a_header_of_other_words_stays_one_above_rows_that_begin_like_one(tmp_path: Path) -> None:
    rows: Rows = [["Мастер", "Когда"], ["Название не важно", "время любое"], ["Анна", "по средам"]]
    assert one_sheet(tmp_path, rows)["Лист!3"] == "Мастер: Анна\nКогда: по средам"


def test_row_numbers_are_those_of_excel_when_the_table_begins_in_the_middle_of_the_sheet(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    for cell, value in {"C7": "Услуга", "D7": "Цена", "C8": "Стрижка", "D8": 40}.items():
        sheet[cell] = value
    book.save(tmp_path / "Цены.xlsx")
    assert texts(tmp_path / "Цены.xlsx") == {f"{sheet.title}!8": "Услуга: Стрижка\nЦена: 40"}


def test_a_row_with_blank_group_cell_inherits_the_group(tmp_path: Path) -> None:
    rows: Rows = [
        ["Категория", "Услуга", "Цена"],
        ["Волосы", "Стрижка", 40],
        [None, "Укладка", 45],
        ["Ногти", "Маникюр", 50],
    ]
    found = one_sheet(tmp_path, rows)
    assert found["Лист!3"] == "Категория: Волосы\nУслуга: Укладка\nЦена: 45"
    assert found["Лист!4"] == "Категория: Ногти\nУслуга: Маникюр\nЦена: 50"


def test_a_merged_group_cell_belongs_to_each_of_its_rows(tmp_path: Path) -> None:
    rows: Rows = [["Услуга", "Зал", "Цена"], ["Стрижка", "А", 40], ["Укладка", None, 45], ["Завивка", "Б", 60]]
    found = one_sheet(tmp_path, rows, merged=("B2:B3",))
    assert found["Лист!3"] == "Услуга: Укладка\nЗал: А\nЦена: 45"


def test_merged_cells_without_a_value_change_nothing(tmp_path: Path) -> None:
    rows: Rows = [["Услуга", "Цена"], ["Стрижка", 40], ["Укладка", 45]]
    assert one_sheet(tmp_path, rows, merged=("H2:H3", "A8:A9")) == one_sheet(tmp_path, rows)


def test_a_new_group_does_not_inherit_the_subgroup_of_the_old_one(tmp_path: Path) -> None:
    rows: Rows = [
        ["Направление", "Категория", "Услуга", "Цена"],
        ["Салон", "Волосы", "Стрижка", 40],
        [None, None, "Укладка", 45],
        ["Клиника", None, "Осмотр", 50],
        [None, None, "Анализ", 55],
    ]
    found = one_sheet(tmp_path, rows)
    assert found["Лист!3"].startswith("Направление: Салон\nКатегория: Волосы\n")
    assert found["Лист!4"] == "Направление: Клиника\nУслуга: Осмотр\nЦена: 50"


def test_a_blank_note_or_price_is_not_taken_from_the_row_above(tmp_path: Path) -> None:
    rows: Rows = [["№", "Услуга", "Цена", "Примечание"], [1, "Стрижка", 40, "Акция"], [2, "Укладка", None, None]]
    assert one_sheet(tmp_path, rows)["Лист!3"] == "№: 2\nУслуга: Укладка"


def test_a_heading_in_a_row_of_its_own_is_told_to_the_rows_below_it(tmp_path: Path) -> None:
    rows: Rows = [
        ["Услуга", "Цена"],
        ["СТРИЖКИ", None],
        ["Женская", 40],
        ["Мужская", 30],
        ["Детская", 25],
        ["УКЛАДКИ", None],
        ["Вечерняя", 60],
        ["Дневная", 35],
    ]
    found = one_sheet(tmp_path, rows, merged=("A2:B2",))
    assert list(found) == ["Лист!3", "Лист!4", "Лист!5", "Лист!7", "Лист!8"]
    assert found["Лист!4"] == "Раздел: СТРИЖКИ\nУслуга: Мужская\nЦена: 30"
    assert found["Лист!7"] == "Раздел: УКЛАДКИ\nУслуга: Вечерняя\nЦена: 60"


def test_a_footnote_below_the_table_and_a_remark_beside_it_are_no_headings(tmp_path: Path) -> None:
    rows: Rows = [
        ["Услуга", "Цена", "Примечание"],
        ["Стрижка", 40, None],
        [None, None, "Цены с марта"],
        ["Укладка", 45, None],
        ["Завивка", 60, None],
        ["Мелирование", 90, None],
        ["Тонирование", 70, None],
        ["* Материалы входят в цену", None, None],
    ]
    found = one_sheet(tmp_path, rows)
    assert found["Лист!4"] == "Услуга: Укладка\nЦена: 45"
    assert found["Лист!8"] == "Услуга: * Материалы входят в цену"


def test_an_unanswered_question_is_no_heading_for_the_questions_below_it(tmp_path: Path) -> None:
    rows: Rows = [
        ["Вопрос", "Ответ"],
        ["Есть ли лифт?", None],
        ["Есть ли парковка?", "Да"],
        ["Есть ли гардероб?", "Да"],
    ]
    assert one_sheet(tmp_path, rows)["Лист!3"] == "Вопрос: Есть ли парковка?\nОтвет: Да"


def test_a_header_repeated_further_down_is_no_document(tmp_path: Path) -> None:
    rows: Rows = [["Услуга", "Цена"], ["Стрижка", 40], ["Услуга", "Цена"], ["Укладка", 45]]
    assert list(one_sheet(tmp_path, rows)) == ["Лист!2", "Лист!4"]


def test_a_sheet_without_header_loses_no_row(tmp_path: Path) -> None:
    rows: Rows = [["Стрижка", 40], ["Укладка", 45]]
    assert one_sheet(tmp_path, rows) == {"Лист!1": "Стрижка\n40", "Лист!2": "Укладка\n45"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (120.0, "120"),
        (4.2, "4,2"),
        (375175550110, "375175550110"),
        ("120 руб.", "120 руб."),
        ("  ЛЭ\xa0подмышек \n зона ", "ЛЭ подмышек зона"),
        ("Щётка", "Щётка"),
        (True, "да"),
        (date(2025, 3, 1), "01.03.2025"),
        (datetime(2025, 3, 1, 9, 30), "01.03.2025 09:30"),
        (time(9, 30), "09:30"),
        (timedelta(hours=26, minutes=5), "26:05"),
    ],
)
def test_a_cell_reads_as_staff_see_it(tmp_path: Path, value: object, shown: str) -> None:
    assert (
        one_sheet(tmp_path, [["Услуга", "Значение"], ["Стрижка", value]])["Лист!2"]
        == f"Услуга: Стрижка\nЗначение: {shown}"
    )


@pytest.mark.parametrize(
    ("column", "cells", "told"),
    [
        ("Скидка", [0.15, 0.075, 1, "нет"], ["15%", "7,5%", "100%", "нет"]),
        ("Скидка, %", [5, 10, 0.5], ["5", "10", "0,5"]),
        ("Скидка, руб.", [0.5, 1], ["0,5", "1"]),
        ("Есть скидка", [1, 0], ["1", "0"]),
        ("Цена", [0.15, 0.5], ["0,15", "0,5"]),
    ],
)
def test_a_percentage_that_is_kept_as_a_fraction_reads_as_staff_see_it(
    tmp_path: Path, column: str, cells: list[object], told: list[str]
) -> None:
    rows = one_sheet(tmp_path, [["Карта", column], *([f"Карта {at}", cell] for at, cell in enumerate(cells))])
    assert [text.rpartition(f"{column}: ")[2] for text in rows.values()] == told


def test_all_visible_sheets_are_read_and_hidden_and_empty_ones_are_not(tmp_path: Path) -> None:
    rows: Rows = [["Услуга", "Цена"], ["Стрижка", 40]]
    sheets = {"Салон": rows, "Черновик": rows, "Пусто": [], "Клиника": rows}
    path = write_sheets(tmp_path / "Цены.xlsx", sheets, hidden=["Черновик"])
    assert list(texts(path)) == ["Салон!2", "Клиника!2"]


def test_a_sheet_with_nothing_but_a_header_has_no_documents(tmp_path: Path) -> None:
    assert one_sheet(tmp_path, [["Услуга", "Цена"]]) == {}


def test_a_file_that_is_no_workbook_is_refused_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "Цены.xlsx"
    path.write_bytes(b"not a zip archive")
    with pytest.raises(KnowledgeError, match=r"^Цены\.xlsx: is damaged .* save it again as \.xlsx$"):
        loaders.load(path)


def test_a_workbook_cut_off_in_the_middle_is_refused_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "Цены.xlsx", {"Салон": [["Услуга", "Цена"], ["Стрижка", 40]]})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(KnowledgeError, match=r"^Цены\.xlsx: is damaged .* save it again as \.xlsx$"):
        loaders.load(path)
