"""Files that nobody's staff would make: each is written by one function, under the name of what it does."""

from __future__ import annotations

import os
import socket
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import docx
import pypdf
from pypdf.generic import DecodedStreamObject, NameObject

from tests.workbooks import PRICES, write_workbook

from .files import write_ods, write_pdf

MEGABYTE = 1024**2
SECRET = "planted-outside-the-folder"
"""Stands in a file beside the folder, and must never be read into it."""
SHEET = "xl/worksheets/sheet1.xml"
_SHEET_HEAD = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
_LAUGHS = '<!DOCTYPE lolz [<!ENTITY a0 "ха">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f"{_LAUGHS}]>"
"""«ха» a thousand million times, as `&a9;`."""


def parts(path: Path, changed: Mapping[str, bytes | str]) -> None:
    """Replaces members of an archive, or adds them."""
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name not in changed}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in {**kept, **changed}.items():
            archive.writestr(name, content)


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


def word_bomb(path: Path) -> None:
    docx.Document().save(str(path))
    paragraph = b"<w:p><w:r><w:t>x</w:t></w:r></w:p>"
    body = paragraph * (60 * MEGABYTE // len(paragraph))
    namespace = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    parts(path, {"word/document.xml": b"<w:document " + namespace + b"><w:body>" + body + b"</w:body></w:document>"})


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


def _word(path: Path, doctype: str, inner: str) -> None:
    docx.Document().save(str(path))
    namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    document = f"<w:document {namespace}><w:body>{inner}</w:body></w:document>"
    parts(path, {"word/document.xml": f'<?xml version="1.0"?>{doctype}{document}'})


def laughs_in_a_document(path: Path) -> None:
    _word(path, LAUGHS, "<w:p><w:r><w:t>Смех: &a9;</w:t></w:r></w:p>")


def a_document_that_reads_another_file(path: Path) -> None:
    outside = f'<!DOCTYPE d [<!ENTITY out SYSTEM "file://{path.parents[1]}/outside.txt">]>'
    _word(path, outside, "<w:p><w:r><w:t>Цены: &out;</w:t></w:r></w:p>")


def a_workbook_that_reads_another_file(path: Path) -> None:
    outside = f'<!DOCTYPE d [<!ENTITY out SYSTEM "file://{path.parents[1]}/outside.txt">]>'
    inner = f'<sheetData><row r="1">{cell("A1", "Цена")}</row><row r="2">{cell("A2", "&out;")}</row></sheetData>'
    sheet(path, inner)
    with zipfile.ZipFile(path) as archive:
        content = archive.read(SHEET).decode()
    parts(path, {SHEET: f'<?xml version="1.0"?>{outside}{content}'})


def tables_within_tables(path: Path) -> None:
    inner = "<w:p/>"
    for _ in range(200):
        inner = f"<w:tbl><w:tr><w:tc>{inner}<w:p/></w:tc></w:tr></w:tbl>"
    _word(path, "", inner)


def elements_within_elements(path: Path) -> None:
    _word(path, "", "<w:sdt><w:sdtContent>" * 100_000)


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


def a_line_of_a_million_columns(path: Path) -> None:
    path.write_text(";" * 1_000_000 + "конец\n" + "Маникюр;48\n" * 20_000, encoding="utf-8")


def a_quotation_without_an_end(path: Path) -> None:
    path.write_text('Услуга;Цена\nМаникюр;"48\n' + "Стрижка;70\n" * 20_000, encoding="utf-8")


def too_many_lines(path: Path) -> None:
    path.write_text("Услуга;Цена\n" + "Стрижка;70\n" * 3000, encoding="utf-8")


def a_paragraph_without_an_end(path: Path) -> None:
    path.write_text("слово " * 5000, encoding="utf-8")


def quotations_within_quotations(path: Path) -> None:
    path.write_text("> " * 20_000 + "конец\n\n" + "[" * 30_000, encoding="utf-8")


def not_even_text(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 4000)


def a_pdf_that_inflates(path: Path) -> None:
    """A hundred megabytes of a page's content, packed twice."""
    write_pdf(path, [["Текст."]])
    writer = pypdf.PdfWriter(clone_from=path)
    stream = DecodedStreamObject()
    packed = zlib.compressobj(1)
    data = b"".join(packed.compress(b"BT (x) Tj ET " * 80_660) for _ in range(100)) + packed.flush()
    stream.set_data(zlib.compress(data, 1))
    encoded = pypdf.generic.EncodedStreamObject()
    encoded._data = stream.get_data()
    encoded[NameObject("/Filter")] = pypdf.generic.ArrayObject([NameObject("/FlateDecode")] * 2)
    writer.pages[0][NameObject("/Contents")] = writer._add_object(encoded)
    writer.write(path)


def a_pdf_whose_pages_hold_themselves(path: Path) -> None:
    write_pdf(path, [["Текст."]])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"))


def a_pdf_of_a_thousand_million_pages(path: Path) -> None:
    write_pdf(path, [["Текст."]])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"/Count 1 ", b"/Count 999999999 "))


def a_pdf_that_never_ends(path: Path) -> None:
    """Dictionaries in dictionaries, and no end of any."""
    path.write_bytes(b"%PDF-1.7\n1 0 obj\n" + b"<< /A [" * 50_000 + b"\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF")


def cut_off(path: Path) -> None:
    whole = path.with_name("whole.part")
    match path.suffix:
        case ".docx":
            docx.Document().save(str(whole))
        case ".pdf":
            write_pdf(whole, [["Текст."]])
        case _:
            write_workbook(whole.with_suffix(".xlsx")).rename(whole)
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    whole.unlink()


def of_another_kind(path: Path) -> None:
    """A document as a workbook, a workbook as a PDF, a page of the net as everything else."""
    match path.suffix:
        case ".xlsx":
            docx.Document().save(str(path))
        case ".pdf" | ".docx":
            write_workbook(path.with_name("whole.part.xlsx")).rename(path)
        case _:
            path.write_text("<html><table><tr><td>Маникюр</td></tr></table></html>", encoding="utf-8")


def under_a_password(path: Path) -> None:
    """The streams that Excel and Word write when a password is set, in the container of old Office files."""
    path.write_bytes(compound_file(["EncryptionInfo", "EncryptedPackage"]))


def compound_file(streams: list[str]) -> bytes:
    """A container of old Office files with these streams, each empty."""
    free, end, of_table = b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\xfd\xff\xff\xff"
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + b"\x3e\x00\x03\x00\xfe\xff\x09\x00\x06\x00"
        + bytes(6)
        + bytes(4)
        + (1).to_bytes(4, "little")
        + (1).to_bytes(4, "little")
        + bytes(4)
        + (4096).to_bytes(4, "little")
        + end
        + bytes(4)
        + end
        + bytes(4)
        + bytes(4)
        + free * 108
    )
    table = of_table + end + free * 126
    entries = b""
    for number, name in enumerate(["Root Entry", *streams]):
        encoded = name.encode("utf-16-le")
        right = number + 1 if 0 < number < len(streams) else 0xFFFFFFFF
        child = 1 if number == 0 else 0xFFFFFFFF
        entries += (
            encoded.ljust(64, b"\0")
            + (len(encoded) + 2).to_bytes(2, "little")
            + (b"\x05" if number == 0 else b"\x02")
            + b"\x01"
            + free
            + right.to_bytes(4, "little")
            + child.to_bytes(4, "little")
            + bytes(36)
            + end
            + bytes(8)
        )
    return header + table + entries.ljust(512, b"\0")


def a_link_that_leads_out(path: Path) -> None:
    path.symlink_to(path.parents[1] / "outside.txt")


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def an_ordinary_price_list(path: Path) -> None:
    write_workbook(path, PRICES)


Hostile = tuple[str, Callable[[Path], None], str]
"""A file's name, what writes it, and what is said of it."""

BROKEN = "save it again"

FILES: list[Hostile] = [
    ("бомба.xlsx", zip_bomb, "unpacks to 130 MB"),
    ("лжёт.xlsx", zip_bomb_that_lies, BROKEN),
    ("бомба.docx", word_bomb, "(knowledge.file_memory)"),
    ("бомба.pdf", a_pdf_that_inflates, "(knowledge.file_memory)"),
    ("все ячейки.xlsx", a_sheet_of_every_cell, "(knowledge.file_memory)"),
    ("миллион.xlsx", a_million_rows, "(knowledge.documents)"),
    ("ячейка.xlsx", a_cell_of_megabytes, "nobody can be told more than"),
    ("смех.xlsx", laughs_in_a_workbook, BROKEN),
    ("смех.docx", laughs_in_a_document, BROKEN),
    ("смех.ods", laughs_in_libreoffice, BROKEN),
    ("чужое.xlsx", a_workbook_that_reads_another_file, BROKEN),
    ("таблицы.docx", tables_within_tables, BROKEN),
    ("глубоко.docx", elements_within_elements, BROKEN),
    ("повтор.ods", a_cell_that_is_repeated, BROKEN),
    ("широко.csv", a_line_of_a_million_columns, "(knowledge.file_memory)"),
    ("кавычка.csv", a_quotation_without_an_end, BROKEN),
    ("длинно.csv", too_many_lines, "(knowledge.documents)"),
    ("абзац.txt", a_paragraph_without_an_end, "divide it"),
    ("цитаты.md", quotations_within_quotations, "divide it"),
    ("шум.txt", not_even_text, BROKEN),
    ("сама в себе.pdf", a_pdf_whose_pages_hold_themselves, BROKEN),
    ("без конца.pdf", a_pdf_that_never_ends, BROKEN),
    *((f"половина{ending}", cut_off, BROKEN) for ending in (".xlsx", ".xls", ".ods", ".docx", ".pdf")),
    *((f"не то{ending}", of_another_kind, BROKEN) for ending in (".xlsx", ".xls", ".ods", ".docx", ".pdf")),
    *((f"пароль{ending}", under_a_password, "password") for ending in (".xlsx", ".docx")),
    ("ссылка.txt", a_link_that_leads_out, "leads out of the knowledge folder"),
    ("устройство.csv", a_device, "leads out of the knowledge folder"),
    ("труба.csv", a_pipe, "pipe or device"),
    ("гнездо.xlsx", a_socket, "pipe or device"),
    ("строка\nвторая.txt", an_ordinary_price_list, "rename it"),
    ("цвет\x1b[31m.xlsx", an_ordinary_price_list, "rename it"),
    (os.fsdecode(b"\xcf\xf0\xe0\xe9\xf1.xlsx"), an_ordinary_price_list, "rename it"),
]
"""Those that are named and skipped."""

HARMLESS: list[tuple[str, Callable[[Path], None]]] = [
    ("числа.xlsx", numbers_that_are_none),
    ("чужое.docx", a_document_that_reads_another_file),
    ("миллиард.pdf", a_pdf_of_a_thousand_million_pages),
    ("объединены.xlsx", cells_merged_a_million_times),
]
"""Those whose tricks come to nothing: what they hold beside them is read."""
