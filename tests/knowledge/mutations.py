"""Ordinary files of every format, and damage that reaches the parsers: inside of archives, too."""

from __future__ import annotations

import io
import random
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import docx
import xlwt

from tests.workbooks import PRICES, write_workbook

from .files import write_ods, write_pdf

FORMATS = (".xlsx", ".xls", ".ods", ".docx", ".pdf", ".csv", ".md", ".txt")
_ODD = (b"\0", b"\xff", b"<", b">", b"&", b'"', b"9" * 20, b"-1", b"1e999", b"\x1b[31m", b"/" * 50, b"[" * 99, b"\r\n")
"""What parsers stumble over."""


@cache
def example(ending: str) -> bytes:
    """An ordinary file of the format, as small as its kind is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{ending}"
        match ending:
            case ".xlsx":
                write_workbook(path)
            case ".xls":
                _old_workbook(path)
            case ".ods":
                write_ods(path, [[str(cell) for cell in row] for row in PRICES])
            case ".docx":
                _document(path)
            case ".pdf":
                write_pdf(path, [["Отменить запись можно", "за 12 часов."], ["Оплата картой."]])
            case _:
                path.write_text("# Цены\n\nУслуга;Цена\nМаникюр;48\n\n> «Стрижка»;70\n- один\n", encoding="utf-8")
        return path.read_bytes()


def damaged(content: bytes, seed: int) -> bytes:
    """The file changed in a few places; the same ones for the same seed."""
    chance = random.Random(seed)
    if not zipfile.is_zipfile(io.BytesIO(content)) or chance.random() < 0.2:
        return _changed(content, chance)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        names = whole.namelist()
        hit = set(chance.sample(names, min(len(names), chance.randint(1, 2))))
        for name in names:
            archive.writestr(name, _changed(whole.read(name), chance) if name in hit else whole.read(name))
    return packed.getvalue()


def _changed(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.choice((1, 2, 4, 16))):
        at, length = chance.randrange(len(data) + 1), chance.choice((1, 2, 8, 64, 512))
        match chance.randrange(5):
            case 0:
                data[at : at + length] = chance.randbytes(length)
            case 1:
                data[at:at] = chance.choice(_ODD)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length] * chance.choice((2, 50))
            case _:
                other = chance.randrange(len(data) + 1)
                data[at : at + length] = data[other : other + length]
    return bytes(data)


def _old_workbook(path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Услуги")
    for number, row in enumerate(PRICES):
        for column, cell in enumerate(row):
            sheet.write(number, column, cell)
    book.save(str(path))


def _document(path: Path) -> None:
    written = docx.Document()
    written.add_heading("Парковка", level=1)
    written.add_paragraph("Во дворе, бесплатно.")
    table = written.add_table(rows=2, cols=2)
    table.cell(1, 1).text = "48"
    written.save(str(path))
