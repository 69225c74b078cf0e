"""The folder of the knowledge base: which files belong to it, and what stands in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from server.errors import KnowledgeError
from server.knowledge import loaders
from server.knowledge.base import Document


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
        raise NothingToRead(f"the knowledge folder {folder} does not exist; create it and put {_formats()} files there")
    found = (path for path in folder.rglob("*") if not _ignored(path.relative_to(folder)) and not path.is_dir())
    if not (ordered := sorted(found)):
        raise NothingToRead(f"the knowledge folder {folder} is empty; put {_formats()} files there")
    return ordered


def _formats() -> str:
    return " or ".join(loaders.LOADERS)


def _ignored(path: Path) -> bool:
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


def read(paths: Sequence[Path], earlier: Sequence[Document] = ()) -> tuple[tuple[Document, ...], tuple[str, ...]]:
    """The documents of all files, and a line for each file that could not be read.

    Such a file gives what stands of it in `earlier`: staff who are in the middle of saving do not take it from callers.
    Raises `NothingToRead` where there is no document at all.
    """
    documents: list[Document] = []
    problems: list[str] = []
    for path in paths:
        try:
            documents += loaders.load(path)
        except KnowledgeError as error:
            kept = [document for document in earlier if document.source == path.name]
            problems.append(f"{error}; its earlier content is still used" if kept else str(error))
            documents += kept
    if not documents:
        raise NothingToRead(
            *(problems or ["the files of the knowledge folder are empty; fill in at least one row or paragraph"])
        )
    return tuple(documents), tuple(problems)
