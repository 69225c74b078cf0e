"""Workbooks of Excel and LibreOffice that nobody's staff would make."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.knowledge.files import write_ods
from tests.workbooks import write_workbook

from .archive import LAUGHS, MEGABYTE, parts

SHEET = "xl/worksheets/sheet1.xml"
_SHEET_HEAD = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def sheet(path: Path, inner: str, dimension: str = "") -> None:
    """A workbook whose one sheet is made of this XML."""
    write_workbook(path)
    parts(path, {SHEET: f"{_SHEET_HEAD}{dimension}{inner}</worksheet>"})


def cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def zip_bomb(path: Path) -> None:
    """A hundred and thirty megabytes of rows, and 130 kB on the disk."""
    write_workbook(path)
    with zipfile.ZipFile(path) as archive:
        content = archive.read(SHEET)
    head, _, rest = content.partition(b"<sheetData>")
    parts(path, {SHEET: head + b"<sheetData>" + b"<row><c><v>1</v></c></row>" * (5 * MEGABYTE) + rest})


def zip_bomb_that_lies(path: Path) -> None:
    """The same, and the archive says that it is a kilobyte."""
    zip_bomb(path)
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(SHEET).file_size
    path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), (1024).to_bytes(4, "little")))


def a_sheet_of_every_cell(path: Path) -> None:
    """Two cells, of which the second stands in the last row and column that Excel has."""
    row = f'<row r="1">{cell("A1", "Услуга")}</row><row r="1048576">{cell("XFD1048576", "Цена")}</row>'
    sheet(path, f"<sheetData>{row}</sheetData>", '<dimension ref="A1:XFD1048576"/>')


def a_million_rows(path: Path) -> None:
    rows = "".join(f"<row><c><v>{n}</v></c><c><v>{n}</v></c></row>" for n in range(3000))
    sheet(path, f"<sheetData>{rows}</sheetData>", '<dimension ref="A1:B1048576"/>')


def cells_merged_a_million_times(path: Path) -> None:
    areas = '<mergeCell ref="A2:XFD1048576"/>' * 2000
    data = f'<sheetData><row r="1">{cell("A1", "Цена")}</row><row r="2">{cell("A2", "48")}</row></sheetData>'
    sheet(path, f"{data}<mergeCells>{areas}</mergeCells>")


def a_cell_of_megabytes(path: Path) -> None:
    rows = f'<row r="1">{cell("A1", "Цена")}</row><row r="2">{cell("A2", "ы" * 2 * MEGABYTE)}</row>'
    sheet(path, f"<sheetData>{rows}</sheetData>")


def numbers_that_are_none(path: Path) -> None:
    values = ("1e999", "-1e999", "NaN", "1e308", "-0", "99999999999999999999999", "0x10", "")
    row = "".join(f"<c><v>{value}</v></c>" for value in values)
    sheet(path, f'<sheetData><row><c t="str"><v>Услуга</v></c></row><row>{row}</row></sheetData>')


def laughs_in_a_workbook(path: Path) -> None:
    write_workbook(path)
    strings = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&a9;</t></si></sst>'
    parts(path, {"xl/sharedStrings.xml": f'<?xml version="1.0"?>{LAUGHS}{strings}'})


def a_workbook_that_reads_another_file(path: Path) -> None:
    outside = f'<!DOCTYPE d [<!ENTITY out SYSTEM "file://{path.parents[1]}/outside.txt">]>'
    inner = f'<sheetData><row r="1">{cell("A1", "Цена")}</row><row r="2">{cell("A2", "&out;")}</row></sheetData>'
    sheet(path, inner)
    with zipfile.ZipFile(path) as archive:
        content = archive.read(SHEET).decode()
    parts(path, {SHEET: f'<?xml version="1.0"?>{outside}{content}'})


def laughs_in_libreoffice(path: Path) -> None:
    write_ods(path, [("Услуга", "Цена"), ("Маникюр", "@")])
    with zipfile.ZipFile(path) as archive:
        content = archive.read("content.xml").decode().replace("@", "&a9;")
    parts(path, {"content.xml": content.replace("?>", f"?>{LAUGHS}", 1)})


def a_cell_that_is_repeated(path: Path) -> None:
    write_ods(path, [("Услуга", "Цена"), ("Маникюр", "48")])
    with zipfile.ZipFile(path) as archive:
        content = archive.read("content.xml").decode()
    repeated = content.replace("<table:table-row>", '<table:table-row table:number-rows-repeated="1048576">').replace(
        "<table:table-cell ", '<table:table-cell table:number-columns-repeated="16384" '
    )
    parts(path, {"content.xml": repeated})
