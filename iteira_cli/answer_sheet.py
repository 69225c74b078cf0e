"""The workbook in which staff answer what callers asked; filled in and put into the knowledge folder, it is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font

from iteira_cli.documents import Gap

HEADER = ("Вопрос", "Ответ", "Так тоже спрашивают")
WIDTHS = (50, 80, 60)


def write(path: Path, gaps: Sequence[Gap]) -> None:
    """Raises `OSError` if the file cannot be written."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Вопросы без ответа"
    sheet.append(HEADER)
    for gap in gaps:
        sheet.append((_question(gap["question"]), None, "; ".join(gap["also"]) or None))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for column, width in zip("ABC", WIDTHS, strict=True):
        sheet.column_dimensions[column].width = width
        for cell in sheet[column]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if cell.value is not None:  # never a formula, whatever was said, and not when it is edited either
                cell.data_type, cell.quotePrefix = "s", True
    sheet.freeze_panes = "A2"
    book.save(path)


def _question(text: str) -> str:
    return text[:1].upper() + text[1:] + "?"
