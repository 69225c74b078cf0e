"""Workbooks of several sheets, with merged cells and hidden sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

Rows = Sequence[Sequence[object]]


def write_sheets(
    path: Path, sheets: Mapping[str, Rows], *, merged: Sequence[str] = (), hidden: Sequence[str] = ()
) -> Path:
    """A workbook with these rows from A1 on; `merged` ranges such as `A2:A4` are of the first sheet."""
    book = Workbook()
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if name in hidden:
            sheet.sheet_state = "hidden"
    del book["Sheet"]
    for area in merged:
        book.worksheets[0].merge_cells(area)
    book.save(path)
    return path
