"""Building an index: from files to documents and vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from server.clock import Clock
from server.knowledge import folder as files
from server.knowledge.base import Document
from server.knowledge.embedding import Embedder, Vector, embed
from server.knowledge.saved import Contents, IndexFile, Saved, Stamp

Progress = Callable[[int, int], None]
"""Told how many of the new or changed documents are embedded, and how many there are."""


class Builder:
    """Makes the saved index of a folder, for one embedder, alone among the processes that share the index folder."""

    def __init__(
        self, folder: Path, file: IndexFile, embedder: Embedder | None, clock: Clock, progress: Progress
    ) -> None:
        self._folder = folder
        self._file = file
        self._embedder = embedder
        self._clock = clock
        self._progress = progress

    def build(self, *, anew: bool) -> tuple[Saved, Stamp | None]:
        """The index of the files as they are now: the saved one unless that is older, or `anew`.

        Raises `NothingToRead` where there is no document, and `KnowledgeError` if the index folder cannot be used.
        """
        with self._file.building():
            paths = files.paths(self._folder)
            fingerprint = files.fingerprint(self._folder, paths)
            saved = self._file.load()
            if anew or saved is None or saved.contents.fingerprint != fingerprint:
                documents, problems = files.read(paths, saved.contents.documents if saved else ())
                contents = Contents(fingerprint, documents, problems, len(paths) - len(problems), self._clock.now())
                saved = Saved(contents, self._vectors(documents, saved))
                self._file.save(saved)
            return saved, self._file.stamp()

    def _vectors(self, documents: Sequence[Document], earlier: Saved | None) -> Vector | None:
        """A row for each document; those that were saved with the same words are taken from there."""
        if self._embedder is None:
            return None
        vectors: dict[object, Vector] = {}
        if earlier is not None and earlier.vectors is not None:
            vectors = dict(zip(map(_words, earlier.contents.documents), earlier.vectors, strict=True))
        new = {_words(document): document for document in documents if _words(document) not in vectors}
        for done, (words, document) in enumerate(new.items()):
            self._progress(done, len(new))
            vectors[words] = embed(document, self._embedder)
        if new:
            self._progress(len(new), len(new))
        return np.stack([vectors[_words(document)] for document in documents])


def _words(document: Document) -> object:
    """What a document's vector depends on: not on its place, so an inserted row costs one embedding."""
    return document.text, document.fields
