"""Tables as text, with whatever the program that wrote them puts between the cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from server.errors import KnowledgeError
from server.knowledge.base import Document
from server.knowledge.loaders import table, text

SEPARATORS = ";\t,|"
"""In Russian Excel's order of likelihood; a comma also stands inside of numbers."""
_LOOKED_AT = 20
"""Lines from which the separator is guessed."""


def load(path: Path) -> list[Document]:
    """A document for each row, in the file's order. The sheet of its location is the file's name, as Excel shows it."""
    content = text.read(path)
    try:
        records = list(csv.reader(io.StringIO(content, newline=""), delimiter=separator(content), strict=False))
    except csv.Error as error:
        raise KnowledgeError(f"{path.name}: is no table ({error}); open it in Excel and save it again") from None
    return list(table.documents(list(_rows(records)), path.name, f"{path.stem}!"))


def separator(content: str) -> str:
    """The one that stands in most of the first lines equally often."""
    lines = [line for line in content.split("\n") if line.strip()][:_LOOKED_AT]

    def steadiness(char: str) -> int:
        counts = [line.count(char) for line in lines]
        return max((counts.count(often) for often in counts if often), default=0)

    return max(SEPARATORS, key=steadiness)


def _rows(records: list[list[str]]) -> Iterator[table.Row]:
    width = max(map(len, records), default=0)
    for number, record in enumerate(records, start=1):
        cells = [table.shown(cell) for cell in record]
        if any(cells):
            yield number, cells + [""] * (width - len(cells))
