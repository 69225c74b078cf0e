"""Workbooks of Excel and LibreOffice: the rows of every visible sheet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from server.errors import KnowledgeError
from server.knowledge.base import Document
from server.knowledge.loaders import table


def load(path: Path) -> list[Document]:
    """A document for each row of each visible sheet, in the workbook's order."""
    return [document for sheet, rows in sheets(path) for document in table.documents(rows, path.name, f"{sheet}!")]


def sheets(path: Path) -> list[tuple[str, list[table.Row]]]:
    """Name and rows of each visible sheet. Raises `KnowledgeError` as a loader does."""
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            return [(sheet.name, _rows(sheet)) for sheet in _visible(workbook)]
    except PasswordError:
        raise KnowledgeError(f"{path.name}: is protected by a password; save it again without one") from None
    except CalamineError as error:
        raise KnowledgeError(
            f"{path.name}: is damaged or no workbook ({error}); open it in Excel and save it again as .xlsx"
        ) from None


def _visible(workbook: CalamineWorkbook) -> Iterator[CalamineSheet]:
    for meta in workbook.sheets_metadata:
        if meta.typ == SheetTypeEnum.WorkSheet and meta.visible == SheetVisibleEnum.Visible:
            yield workbook.get_sheet_by_name(meta.name)


def _rows(sheet: CalamineSheet) -> list[table.Row]:
    """The rows with content, under Excel's numbers. Cells merged downwards repeat their value in each row."""
    # With `skip_empty_area` the rows above and the columns left of the used range are there too, so numbers agree.
    rows = enumerate(sheet.to_python(skip_empty_area=False), start=1)
    cells = {number: shown for number, row in rows if any(shown := [table.shown(cell) for cell in row])}
    last = max(cells, default=0)
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or []:
        value = next(iter(cells.get(top + 1, [])[left:]), "")
        for number in range(top + 2, min(bottom + 1, last) + 1):
            if value and number in cells:
                cells[number][left] = value
    return list(cells.items())
