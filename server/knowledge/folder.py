"""The folder of the knowledge base: which files belong to it, and what stands in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.errors import KnowledgeError
from server.knowledge import loaders, synonyms
from server.knowledge.base import Document
from server.knowledge.synonyms import Synonym


class NothingToRead(KnowledgeError):
    """There is no document at all."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def paths(folder: Path) -> list[Path]:
    """Every file in the folder and below it that is meant as knowledge, in a fixed order.

    Raises `NothingToRead` where there is none.
    """
    if not folder.is_dir():
        raise NothingToRead(
            f"the knowledge folder {folder} does not exist; create it and put {loaders.formats()} files there"
        )
    found = (path for path in folder.rglob("*") if not ignored(path.relative_to(folder)) and not path.is_dir())
    if not (ordered := sorted(found)):
        raise NothingToRead(f"the knowledge folder {folder} is empty; put {loaders.formats()} files there")
    return ordered


def ignored(path: Path) -> bool:
    """Hidden files and folders, and the lock files of an office program."""
    return any(part.startswith((".", "~$")) for part in path.parts)


def fingerprint(folder: Path, paths: Sequence[Path]) -> str:
    """Changes whenever a file is added, removed, renamed, or says something else."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder)}\0".encode())
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            digest.update(f"unreadable {error.errno}".encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in the files."""

    documents: tuple[Document, ...]
    synonyms: tuple[Synonym, ...]
    problems: tuple[str, ...]
    """A line for each file that could not be read."""
    files_count: int
    """Of the files that could be read."""


def read(paths: Sequence[Path], earlier: Found | None = None) -> Found:
    """All files. One that cannot be read gives what stands of it in `earlier`: staff who are in the middle of saving
    do not take it from callers.

    Raises `NothingToRead` where there is no document at all.
    """
    documents: list[Document] = []
    own: list[Synonym] = []
    problems: list[str] = []
    for path in paths:
        try:
            read_documents, read_synonyms = _read(path)
        except KnowledgeError as error:
            read_documents, read_synonyms = _earlier(path, earlier)
            kept = read_documents or read_synonyms
            problems.append(f"{error}; its earlier content is still used" if kept else str(error))
        documents += read_documents
        own += read_synonyms
    if not documents:
        raise NothingToRead(
            *(problems or ["the files of the knowledge folder are empty; fill in at least one row or paragraph"])
        )
    return Found(tuple(documents), tuple(own), tuple(problems), len(paths) - len(problems))


def _read(path: Path) -> tuple[Sequence[Document], Sequence[Synonym]]:
    return ((), loaders.load_synonyms(path)) if synonyms.is_synonyms(path) else (loaders.load(path), ())


def _earlier(path: Path, earlier: Found | None) -> tuple[Sequence[Document], Sequence[Synonym]]:
    if earlier is None:
        return (), ()
    if synonyms.is_synonyms(path):
        return (), earlier.synonyms
    return [document for document in earlier.documents if document.source == path.name], ()
