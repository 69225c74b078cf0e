"""The formats in which staff keep things beside Excel and Markdown."""

from __future__ import annotations

from pathlib import Path

import docx
import pypdf
import pytest
import xlwt

from server.errors import KnowledgeError
from server.knowledge import loaders

from .files import write_ods, write_pdf

ROWS = [("Услуга", "Цена"), ("Маникюр", "48"), ("Стрижка, женская", "от 70 руб.")]
FIELDS = [(("Услуга", "Маникюр"), ("Цена", "48")), (("Услуга", "Стрижка, женская"), ("Цена", "от 70 руб."))]


def test_an_old_workbook_of_excel_is_read_like_a_new_one(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Услуги")
    for number, row in enumerate(ROWS):
        for column, cell in enumerate(row):
            sheet.write(number, column, cell)
    book.save(str(tmp_path / "Прайс.xls"))
    found = loaders.load(tmp_path / "Прайс.xls")
    assert [document.fields for document in found] == FIELDS
    assert [document.location for document in found] == ["Услуги!2", "Услуги!3"]


def test_a_workbook_of_libreoffice_is_read_too(tmp_path: Path) -> None:
    write_ods(tmp_path / "Прайс.ods", ROWS)
    found = loaders.load(tmp_path / "Прайс.ods")
    assert [document.fields for document in found] == FIELDS
    assert [document.location for document in found] == ["Услуги!2", "Услуги!3"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_a_table_as_text_is_read_whatever_program_wrote_it(tmp_path: Path, encoding: str, separator: str) -> None:
    lines = (separator.join(f'"{cell}"' if separator in cell else cell for cell in row) for row in ROWS)
    (tmp_path / "Прайс.csv").write_bytes("\r\n".join(lines).encode(encoding))
    found = loaders.load(tmp_path / "Прайс.csv")
    assert [document.fields for document in found] == FIELDS
    assert [document.location for document in found] == ["Прайс!2", "Прайс!3"]


def test_prices_with_a_decimal_comma_do_not_pass_for_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Услуга;Цена\nСерьга;4,20\nКольцо;5,10\n", encoding="utf-8")
    assert [document.fields[1] for document in loaders.load(tmp_path / "a.csv")] == [("Цена", "4,20"), ("Цена", "5,10")]


def test_lines_of_one_cell_stay_words_apart(tmp_path: Path) -> None:
    (tmp_path / "Цены.csv").write_text('Услуга;Цена\n"Мытьё головы\nсушка";48\nБрови;20\n', encoding="utf-8")
    found = loaders.load(tmp_path / "Цены.csv")
    assert [document.fields[0][1] for document in found] == ["Мытьё головы сушка", "Брови"]


def test_plain_text_is_found_by_the_number_of_its_paragraph(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Мы в Минске.\n\n" + "Слово. " * 120 + "\n\nПарковка во дворе.", encoding="utf-8")
    found = loaders.load(tmp_path / "a.txt")
    assert [document.location for document in found] == ["абзац 1", "абзац 2", "абзац 3"]
    assert found[2].text == "Парковка во дворе."


def test_a_word_document_gives_its_sections_and_the_rows_of_its_tables(tmp_path: Path) -> None:
    written = docx.Document()
    written.add_paragraph("Мы работаем с 2009 года.")
    written.add_heading("Парковка", level=1)
    written.add_paragraph("Во дворе, бесплатно.")
    table = written.add_table(rows=0, cols=2)
    for row in ROWS:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    written.add_paragraph("Въезд с улицы Козлова.")
    written.save(str(tmp_path / "О нас.docx"))
    found = loaders.load(tmp_path / "О нас.docx")
    assert [(document.text, document.location) for document in found if not document.fields] == [
        ("О нас\nМы работаем с 2009 года.", "О нас"),
        ("Парковка\nВо дворе, бесплатно.", "Парковка"),
        ("Парковка\nВъезд с улицы Козлова.", "Парковка"),
    ]
    assert [(document.fields, document.location) for document in found if document.fields] == [
        (FIELDS[0], "таблица 1!2"),
        (FIELDS[1], "таблица 1!3"),
    ]


def test_a_heading_across_a_table_of_word_is_told_to_the_rows_below_it(tmp_path: Path) -> None:
    written = docx.Document()
    table = written.add_table(rows=0, cols=2)
    for cells in (("Услуга", "Цена"), ("Женский зал", ""), ("Стрижка", "45"), ("Укладка", "30"), ("Окрашивание", "90")):
        row = table.add_row().cells
        row[0].text, row[1].text = cells
    table.cell(1, 0).merge(table.cell(1, 1))
    written.save(str(tmp_path / "Цены.docx"))
    (first, *_) = loaders.load(tmp_path / "Цены.docx")
    assert first.fields == (("Раздел", "Женский зал"), ("Услуга", "Стрижка"), ("Цена", "45"))


def test_a_pdf_gives_the_text_of_its_pages(tmp_path: Path) -> None:
    write_pdf(tmp_path / "Правила.pdf", [["Отменить запись можно", "за 12 часов."], ["Оплата картой."]])
    found = loaders.load(tmp_path / "Правила.pdf")
    assert [(document.text, document.location) for document in found] == [
        ("Отменить запись можно за 12 часов.", "стр. 1"),
        ("Оплата картой.", "стр. 2"),
    ]


def test_a_pdf_under_a_password_and_one_without_text_say_what_to_do(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a.pdf", [["Текст."]])
    writer = pypdf.PdfWriter(clone_from=tmp_path / "a.pdf")
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "Тайна.pdf")
    with pytest.raises(KnowledgeError, match=r"^Тайна\.pdf: .*password; save it again without one$"):
        loaders.load(tmp_path / "Тайна.pdf")
    write_pdf(tmp_path / "Скан.pdf", [[]])
    with pytest.raises(KnowledgeError, match=r"^Скан\.pdf: has no text, perhaps it is a scan; save "):
        loaders.load(tmp_path / "Скан.pdf")


@pytest.mark.parametrize("ending", sorted(set(loaders.LOADERS) - {".md", ".txt", ".csv"}))
@pytest.mark.parametrize("content", [b"half a file", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF-1.7"])
def test_a_broken_file_is_refused_by_name_and_with_what_to_do(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"Прайс{ending}"
    path.write_bytes(content)
    with pytest.raises(KnowledgeError, match=rf"^Прайс\{ending}: .*save it again"):
        loaders.load(path)


@pytest.mark.parametrize("ending", list(loaders.LOADERS))
def test_an_empty_file_is_refused_by_name(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"Прайс{ending}"
    path.write_bytes(b"")
    with pytest.raises(KnowledgeError, match=rf"^Прайс\{ending}: is empty; save it again, or remove it"):
        loaders.load(path)
