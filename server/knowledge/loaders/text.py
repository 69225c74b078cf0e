"""Plain text: its encoding, and its paragraphs put together into pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from server.errors import KnowledgeError
from server.knowledge.base import Document

LONGEST = 800
"""Characters in a piece of a text, unless a single paragraph is longer. The embedding model reads at most 512 tokens,
about 1500 Russian characters, and tells shorter texts apart better."""
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_PARAGRAPH_END = re.compile(r"\n\s*\n")


def load(path: Path) -> list[Document]:
    """A document for each piece; its location is that of its first paragraph."""
    paragraphs = [paragraph.strip() for paragraph in _PARAGRAPH_END.split(read(path)) if paragraph.strip()]
    numbered = list(enumerate(paragraphs, start=1))
    return [Document(piece, path.name, f"абзац {number}") for number, piece in pieces(numbered)]


def read(path: Path) -> str:
    """The text of a file in UTF-8, in Windows' Unicode or, where it is neither, in Windows' Cyrillic (cp1251).

    Raises `KnowledgeError` for what is no text.
    """
    data = path.read_bytes()
    encodings = [_MARKS[data[:2]]] if data[:2] in _MARKS else ["utf-8-sig", "cp1251"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise KnowledgeError(f"{path.name}: is not text; open it in a text editor and save it again as UTF-8")


def pieces(paragraphs: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The numbered paragraphs put together into pieces of at most `LONGEST` characters where that is possible, each
    under the number of its first one."""
    piece: list[str] = []
    first = 0
    for number, paragraph in paragraphs:
        if piece and len("\n\n".join([*piece, paragraph])) > LONGEST:
            yield first, "\n\n".join(piece)
            piece = []
        first = first if piece else number
        piece.append(paragraph)
    if piece:
        yield first, "\n\n".join(piece)
