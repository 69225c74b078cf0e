"""The folder of the knowledge base: which files belong to it, and whether they have changed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.errors import KnowledgeError
from server.knowledge import loaders
from server.knowledge.base import Document
from server.knowledge.bounds import Bounds, megabytes
from server.knowledge.synonyms import Synonym
from server.text import can_be_shown


class BrokenOff(KnowledgeError):
    """Whoever waits does not want to any more; no file is to blame."""


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


def source(folder: Path, path: Path) -> str:
    """What a file of the folder is known by."""
    return path.relative_to(folder).as_posix()


def refused(folder: Path, path: Path, bounds: Bounds) -> str | None:
    """Why a file of the folder is not opened at all, with its name and what to do; None where it may be."""
    name = source(folder, path)
    if not can_be_shown(name):  # a terminal would obey it, and a name that is no Unicode cannot be stored
        return f"{_readable(name)!r}: has characters in its name that cannot be shown; rename it"
    try:
        state = path.stat()
        if not path.resolve().is_relative_to(folder.resolve()):
            return f"{path.name}: is a link that leads out of the knowledge folder; put the file itself there"
    except OSError as error:
        return f"{path.name}: cannot be opened ({error.strerror or error}); check its permissions"
    if not stat.S_ISREG(state.st_mode):
        return f"{path.name}: is no file but a pipe or device; take it out of the knowledge folder"
    if state.st_size > bounds.size:
        most = f"{megabytes(bounds.size)} (knowledge.file_size)"
        return f"{path.name}: has {megabytes(state.st_size)}, more than {most}; leave in it only what callers ask about"
    return None


def _readable(name: str) -> str:
    """A name that is no Unicode as Windows' archives mean it, so that its owner knows which file it is."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("cp1251", "replace")
    return name


def fingerprint(folder: Path, paths: Sequence[Path], bounds: Bounds) -> str:
    """Changes whenever a file is added, removed, renamed, or says something else, and with the bounds."""
    digest = hashlib.sha256(repr(bounds).encode())
    for path in paths:
        digest.update(os.fsencode(path.relative_to(folder)) + b"\0")
        digest.update((refused(folder, path, bounds) or _content(path)).encode(errors="replace"))
    return digest.hexdigest()


def _content(path: Path) -> str:
    try:
        # Opening does not wait for the other end, if a pipe has taken the file's place meanwhile.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable {error.errno}"


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in the files."""

    documents: tuple[Document, ...]
    synonyms: tuple[Synonym, ...]
    problems: tuple[str, ...]
    """A line for each file that could not be read."""
    files_count: int
    """Of the files that could be read."""
