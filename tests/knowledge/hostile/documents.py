"""Documents of Word that nobody's staff would make."""

from __future__ import annotations

from pathlib import Path

import docx

from .archive import LAUGHS, MEGABYTE, parts


def word_bomb(path: Path) -> None:
    docx.Document().save(str(path))
    paragraph = b"<w:p><w:r><w:t>x</w:t></w:r></w:p>"
    body = paragraph * (60 * MEGABYTE // len(paragraph))
    namespace = b'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    parts(path, {"word/document.xml": b"<w:document " + namespace + b"><w:body>" + body + b"</w:body></w:document>"})


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


def tables_within_tables(path: Path) -> None:
    inner = "<w:p/>"
    for _ in range(200):
        inner = f"<w:tbl><w:tr><w:tc>{inner}<w:p/></w:tc></w:tr></w:tbl>"
    _word(path, "", inner)


def elements_within_elements(path: Path) -> None:
    _word(path, "", "<w:sdt><w:sdtContent>" * 100_000)
