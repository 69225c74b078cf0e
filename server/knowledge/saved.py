"""The saved index: built once, read by every worker process, replaced whole."""

from __future__ import annotations

import fcntl
import io
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from server.errors import KnowledgeError
from server.knowledge.base import Document
from server.knowledge.folder import Found
from server.knowledge.lexical import Postings
from server.knowledge.meaning import Meanings
from server.knowledge.spelling import Vocabulary
from server.knowledge.words import Parsed

FORMAT = 8
"""Grows with every change of what is saved, of how documents are read from files, or of what of them is embedded."""

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Contents:
    """What was read from the files, and from which."""

    fingerprint: str
    """Of the files' contents."""
    found: Found
    updated_at: float
    """Unix seconds."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Saved:
    """Everything an index is made from."""

    contents: Contents
    meanings: Meanings | None
    """None for lexical search alone."""
    postings: Postings
    vocabulary: Vocabulary
    dictionary: Mapping[str, Parsed]
    """What it says of the words that an index is made from, so that it need not be asked again."""


_CONTENTS = TypeAdapter(Contents)
_DOCUMENTS = TypeAdapter(tuple[Document, ...])
_AT_ONCE = 200
"""Documents that are written or read in one step: other threads of the process wait for the end of each."""
_TERMS = TypeAdapter(tuple[str, ...])
_VOCABULARY = TypeAdapter(dict[str, str])
_DICTIONARY = TypeAdapter(dict[str, tuple[str, str, bool]])
_NO_VECTORS = np.empty((0, 0), dtype=np.float32)


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
                contents = replace(contents, found=replace(contents.found, documents=_documents(archive["documents"])))
                meanings = Meanings(archive["wholes"], archive["passages"], archive["owners"])
                vocabulary = _VOCABULARY.validate_json(archive["vocabulary"].tobytes())
                told = _DICTIONARY.validate_json(archive["dictionary"].tobytes())
                held = Postings(
                    _TERMS.validate_json(archive["terms"].tobytes()),
                    archive["starts"],
                    archive["texts"],
                    archive["worths"],
                    len(contents.found.documents),
                )
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None
        if contents.format != FORMAT or len(meanings.wholes) not in (0, len(contents.found.documents)):
            return None
        return Saved(contents, meanings if len(meanings.wholes) else None, held, vocabulary, _dictionary(told))

    def save(self, saved: Saved) -> None:
        """Replace it: another process reads the old one or the new one. For the holder of `building` alone.

        Raises `KnowledgeError` if it cannot be written.
        """
        held, found = saved.postings, saved.contents.found
        meanings = saved.meanings or Meanings(_NO_VECTORS, _NO_VECTORS, np.empty(0, dtype=np.int32))
        partial = self._path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                np.savez(
                    file,
                    contents=_bytes(_CONTENTS.dump_json(replace(saved.contents, found=replace(found, documents=())))),
                    documents=_bytes(b"\n".join(_parts(found.documents))),
                    wholes=meanings.wholes,
                    passages=meanings.passages,
                    owners=meanings.owners,
                    vocabulary=_bytes(_VOCABULARY.dump_json(dict(saved.vocabulary))),
                    dictionary=_bytes(_DICTIONARY.dump_json(dict(saved.dictionary))),
                    terms=_bytes(_TERMS.dump_json(held.terms)),
                    starts=held.starts,
                    texts=held.texts,
                    worths=held.worths,
                )
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        except OSError as error:
            raise KnowledgeError(f"the index could not be saved to {self._path}: {error}") from None


def _parts(documents: Sequence[Document]) -> Iterator[bytes]:
    """A line of JSON for so many of them."""
    for at in range(0, len(documents), _AT_ONCE):
        yield _DOCUMENTS.dump_json(tuple(documents[at : at + _AT_ONCE]))


def _documents(parts: NDArray[np.uint8]) -> tuple[Document, ...]:
    lines = parts.tobytes().split(b"\n")
    return tuple(document for line in lines for document in _DOCUMENTS.validate_json(line))


def _dictionary(told: Mapping[str, tuple[str, str, bool]]) -> dict[str, Parsed]:
    return {word: Parsed(*said) for word, said in told.items()}


def _bytes(json: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(json, dtype=np.uint8)
