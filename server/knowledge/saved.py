"""The saved index: built once, read by every worker process, replaced whole."""

from __future__ import annotations

import fcntl
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from server.errors import KnowledgeError
from server.knowledge.base import Document
from server.knowledge.embedding import Vector

FORMAT = 1
"""Grows with every change of what is saved, of how documents are read from files, or of what of them is embedded."""

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read from the files, and from which."""

    fingerprint: str
    """Of the files' contents."""
    documents: tuple[Document, ...]
    problems: tuple[str, ...]
    files_count: int
    """Of the files that could be read."""
    updated_at: float
    """Unix seconds."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Saved:
    """Everything an index is made from."""

    contents: Contents
    vectors: Vector | None
    """A row for each document; None for lexical search alone."""


_CONTENTS = TypeAdapter(Contents)
_NO_VECTORS: Vector = np.empty(0, dtype=np.float32)


class IndexFile:
    """The saved index of one embedder in an index folder that several processes may use at once."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self._folder = folder
        self._path = folder / f"{embedder}.npz"

    def stamp(self) -> Stamp | None:
        """Changes with every save, by any process; None while nothing is saved. Cheap enough for every search."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    @contextmanager
    def building(self) -> Iterator[None]:
        """The right to build, of one process and thread at a time; it ends with the process at the latest.

        Raises `KnowledgeError` if the index folder cannot be used.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock").open("w")
        except OSError as error:
            raise KnowledgeError(f"the index folder {self._folder} cannot be used: {error}") from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def load(self) -> Saved | None:
        """What was saved last; None for nothing, for another format, and for a damaged file."""
        try:
            with np.load(io.BytesIO(self._path.read_bytes()), allow_pickle=False) as archive:
                contents = _CONTENTS.validate_json(archive["contents"].tobytes())
                vectors = archive["vectors"]
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None
        if contents.format != FORMAT or len(vectors) not in (0, len(contents.documents)):
            return None
        return Saved(contents, vectors if len(vectors) else None)

    def save(self, saved: Saved) -> None:
        """Replace it: another process reads the old one or the new one. For the holder of `building` alone.

        Raises `KnowledgeError` if it cannot be written.
        """
        contents = np.frombuffer(_CONTENTS.dump_json(saved.contents), dtype=np.uint8)
        vectors = _NO_VECTORS if saved.vectors is None else saved.vectors
        partial = self._path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                np.savez(file, contents=contents, vectors=vectors)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        except OSError as error:
            raise KnowledgeError(f"the index could not be saved to {self._path}: {error}") from None
