"""From files to documents: one loader a format, one registry by file ending.

A new format is one new file beside this one with a `load` function, and one line in `LOADERS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol

from server.errors import KnowledgeError
from server.knowledge import synonyms
from server.knowledge.base import Document
from server.knowledge.synonyms import Synonym


class Loader(Protocol):
    """Reads one file whole."""

    def __call__(self, path: Path, /) -> list[Document]:
        """The documents of the file in its own order; none for a file without content.

        Raises `KnowledgeError` for a file that cannot be read. Its text names the file, says what is wrong with it
        and what to do.
        """


LOADERS: Mapping[str, str] = {
    ".xlsx": "workbook",
    ".xls": "workbook",
    ".ods": "workbook",
    ".csv": "csv_table",
    ".md": "markdown",
    ".txt": "text",
    ".docx": "docx",
    ".pdf": "pdf",
}
"""Ending to the module whose `load` is the `Loader`: imported when there is such a file, since some are large."""


def load(path: Path) -> list[Document]:
    """The documents of a file. Raises `KnowledgeError` as its loader does, and for a format that has none."""
    module = LOADERS.get(path.suffix.lower())
    if module is None:
        raise KnowledgeError(f"{path.name}: this format cannot be read; save it as {formats()}")
    loader: Loader = import_module(f"{__name__}.{module}").load
    with _opening(path):
        return loader(path)


def load_synonyms(path: Path) -> tuple[Synonym, ...]:
    """The synonyms of the file that holds them; in a workbook the first row of each sheet is a header.

    Raises `KnowledgeError` as a loader does.
    """
    from server.knowledge.loaders import text, workbook  # here for the same reason

    with _opening(path):
        if path.suffix.lower() == ".txt":
            return tuple(synonyms.of_lines(text.read(path).splitlines()))
        rows = (cells for _, sheet in workbook.sheets(path) for _, cells in sheet[1:])
        return tuple(synonyms.of_rows(rows))


def formats() -> str:
    """The endings of files that can be read, for people."""
    *most, last = LOADERS
    return f"{', '.join(most)} or {last}"


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Refuses a file of no bytes: it is one that is just being saved, or saving it went wrong."""
    try:
        if path.stat().st_size == 0:
            raise KnowledgeError(f"{path.name}: is empty; save it again, or remove it")
        yield
    except OSError as error:
        raise KnowledgeError(
            f"{path.name}: cannot be opened ({error.strerror or error}); check its permissions"
        ) from None
