"""PDF: the text of each page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from pypdf import PdfReader
from pypdf.errors import LimitReachedError, PyPdfError

from server.errors import KnowledgeError
from server.knowledge.base import Document
from server.knowledge.loaders import text

# It reports every oddity of a file that can be read all the same.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

_ENDS = (".", "!", "?", ":", ";")


def load(path: Path) -> list[Document]:
    """A document for each page, or for each piece of a long one."""
    with path.open("rb") as file:
        try:
            reader = PdfReader(file)
            if reader.is_encrypted and not reader.decrypt(""):
                raise KnowledgeError(f"{path.name}: is protected by a password; save it again without one")
            pages = [page.extract_text() for page in reader.pages]
        except LimitReachedError as error:
            raise KnowledgeError(
                f"{path.name}: is far larger inside than a text needs ({error}); save it again as .docx"
            ) from None
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise KnowledgeError(
                f"{path.name}: is damaged, protected or no PDF ({type(error).__name__}); save it again as .pdf or .docx"
            ) from None
    if not any(page.strip() for page in pages):
        raise KnowledgeError(f"{path.name}: has no text, perhaps it is a scan; save the original as .docx or .pdf")
    return [
        Document(piece, path.name, f"стр. {number}")
        for number, page in enumerate(pages, start=1)
        for _, piece in text.pieces(list(enumerate(_paragraphs(page))))
    ]


def _paragraphs(page: str) -> Iterator[str]:
    """Lines put together again to what ends like a sentence: where a paragraph ends a PDF does not say."""
    paragraph = ""
    for line in map(str.strip, page.splitlines()):
        paragraph = f"{paragraph} {line}".strip()
        if line.endswith(_ENDS) or not line:
            if paragraph:
                yield paragraph
            paragraph = ""
    if paragraph:
        yield paragraph
