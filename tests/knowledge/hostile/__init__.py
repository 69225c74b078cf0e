"""Files that nobody's staff would make: each is written by one function, under the name of what it does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.workbooks import PRICES, write_workbook

from . import broken, documents, pdfs, places, texts, workbooks

SECRET = "planted-outside-the-folder"
"""Stands in a file beside the folder, and must never be read into it."""


def an_ordinary_price_list(path: Path) -> None:
    write_workbook(path, PRICES)


Hostile = tuple[str, Callable[[Path], None], str]
"""A file's name, what writes it, and what is said of it."""

BROKEN = "save it again"

FILES: list[Hostile] = [
    ("бомба.xlsx", workbooks.zip_bomb, "unpacks to 130 MB"),
    ("лжёт.xlsx", workbooks.zip_bomb_that_lies, BROKEN),
    ("бомба.docx", documents.word_bomb, "(knowledge.file_memory)"),
    ("бомба.pdf", pdfs.a_pdf_that_inflates, "(knowledge.file_memory)"),
    ("все ячейки.xlsx", workbooks.a_sheet_of_every_cell, "(knowledge.file_memory)"),
    ("миллион.xlsx", workbooks.a_million_rows, "(knowledge.documents)"),
    ("ячейка.xlsx", workbooks.a_cell_of_megabytes, "nobody can be told more than"),
    ("смех.xlsx", workbooks.laughs_in_a_workbook, BROKEN),
    ("смех.docx", documents.laughs_in_a_document, BROKEN),
    ("смех.ods", workbooks.laughs_in_libreoffice, BROKEN),
    ("чужое.xlsx", workbooks.a_workbook_that_reads_another_file, BROKEN),
    ("таблицы.docx", documents.tables_within_tables, BROKEN),
    ("глубоко.docx", documents.elements_within_elements, BROKEN),
    ("повтор.ods", workbooks.a_cell_that_is_repeated, BROKEN),
    ("широко.csv", texts.a_line_of_a_million_columns, "(knowledge.file_memory)"),
    ("кавычка.csv", texts.a_quotation_without_an_end, BROKEN),
    ("длинно.csv", texts.too_many_lines, "(knowledge.documents)"),
    ("абзац.txt", texts.a_paragraph_without_an_end, "divide it"),
    ("цитаты.md", texts.quotations_within_quotations, "divide it"),
    ("шум.txt", texts.not_even_text, BROKEN),
    ("сама в себе.pdf", pdfs.a_pdf_whose_pages_hold_themselves, BROKEN),
    ("без конца.pdf", pdfs.a_pdf_that_never_ends, BROKEN),
    *((f"половина{ending}", broken.cut_off, BROKEN) for ending in (".xlsx", ".xls", ".ods", ".docx", ".pdf")),
    *((f"не то{ending}", broken.of_another_kind, BROKEN) for ending in (".xlsx", ".xls", ".ods", ".docx", ".pdf")),
    *((f"пароль{ending}", broken.under_a_password, "password") for ending in (".xlsx", ".docx")),
    ("ссылка.txt", places.a_link_that_leads_out, "leads out of the knowledge folder"),
    ("устройство.csv", places.a_device, "leads out of the knowledge folder"),
    ("труба.csv", places.a_pipe, "pipe or device"),
    ("гнездо.xlsx", places.a_socket, "pipe or device"),
    ("строка\nвторая.txt", an_ordinary_price_list, "rename it"),
    ("цвет\x1b[31m.xlsx", an_ordinary_price_list, "rename it"),
    (os.fsdecode(b"\xcf\xf0\xe0\xe9\xf1.xlsx"), an_ordinary_price_list, "rename it"),
]
"""Those that are named and skipped."""

HARMLESS: list[tuple[str, Callable[[Path], None]]] = [
    ("числа.xlsx", workbooks.numbers_that_are_none),
    ("чужое.docx", documents.a_document_that_reads_another_file),
    ("миллиард.pdf", pdfs.a_pdf_of_a_thousand_million_pages),
    ("объединены.xlsx", workbooks.cells_merged_a_million_times),
]
"""Those whose tricks come to nothing: what they hold beside them is read."""
