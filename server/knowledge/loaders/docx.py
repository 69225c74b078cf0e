"""Word documents: sections under their headings, and the rows of tables."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import docx
from docx.opc.exceptions import OpcError
from docx.table import Table, _Row
from docx.text.paragraph import Paragraph
from lxml.etree import ErrorTypes, XMLSyntaxError

from server.errors import KnowledgeError
from server.knowledge.base import Document
from server.knowledge.loaders import table, text

_HEADINGS = ("heading", "title", "заголовок", "название")
"""How the names of the styles begin that make a paragraph a heading."""


def load(path: Path) -> list[Document]:
    """A document for each section, or for each piece of a long one, and for each row of a table, in their order."""
    try:
        blocks = list(docx.Document(str(path)).iter_inner_content())
    except XMLSyntaxError as error:
        if error.code == ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from None
        raise _damaged(path, error) from None
    except (OpcError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise _damaged(path, error) from None
    return list(_documents(blocks, path))


def _damaged(path: Path, error: Exception) -> KnowledgeError:
    return KnowledgeError(
        f"{path.name}: is damaged, protected by a password or no Word document ({type(error).__name__}); "
        "open it in Word and save it again as .docx without a password"
    )


def _documents(blocks: list[Paragraph | Table], path: Path) -> Iterator[Document]:
    heading, paragraphs, tables = path.stem, list[str](), 0
    for block in blocks:
        if isinstance(block, Table):
            tables += 1
            yield from _section(heading, paragraphs, path)
            paragraphs = []
            yield from table.documents(_rows(block), path.name, f"таблица {tables}!")
        elif (words := " ".join(block.text.split())) and _is_heading(block):
            yield from _section(heading, paragraphs, path)
            heading, paragraphs = words, []
        elif words:
            paragraphs.append(words)
    yield from _section(heading, paragraphs, path)


def _section(heading: str, paragraphs: list[str], path: Path) -> Iterator[Document]:
    for _, piece in text.pieces(list(enumerate(paragraphs))):
        yield Document(f"{heading}\n{piece}", path.name, heading)


def _is_heading(paragraph: Paragraph) -> bool:
    style = paragraph.style
    return style is not None and (style.name or "").lower().startswith(_HEADINGS)


def _cells(row: _Row) -> list[str]:
    """A cell that spans several columns stands in the first of them."""
    cells = row.cells
    again = [False, *(left._tc is right._tc for left, right in pairwise(cells))]
    return ["" if spanned else table.shown(cell.text) for cell, spanned in zip(cells, again, strict=False)]


def _rows(block: Table) -> list[table.Row]:
    rows = ((number, _cells(row)) for number, row in enumerate(block.rows, start=1))
    filled = [(number, cells) for number, cells in rows if any(cells)]
    width = max((len(cells) for _, cells in filled), default=0)
    return [(number, cells + [""] * (width - len(cells))) for number, cells in filled]
