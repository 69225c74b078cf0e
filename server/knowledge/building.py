"""Building an index: from files to documents and vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from server.clock import Clock
from server.knowledge import folder as files
from server.knowledge.base import Document
from server.knowledge.bounds import Bounds
from server.knowledge.embedding import Embedder
from server.knowledge.lexical import postings
from server.knowledge.meaning import Embedded, Meanings, embed, together
from server.knowledge.saved import Contents, IndexFile, Saved, Stamp
from server.knowledge.searched import searched
from server.knowledge.spelling import vocabulary
from server.knowledge.synonyms import everyday, spoken
from server.knowledge.words import parsed

Progress = Callable[[int, int], None]
"""Told how many of the new or changed documents are embedded, and how many there are."""


class Builder:
    """Makes the saved index of a folder, for one embedder, alone among the processes that share the index folder."""

    def __init__(
        self,
        folder: Path,
        file: IndexFile,
        embedder: Embedder | None,
        clock: Clock,
        *,
        bounds: Bounds,
        progress: Progress,
        go_on: Callable[[], None],
    ) -> None:
        """`go_on` is called often, and raises `BrokenOff` to end a build."""
        self._folder = folder
        self._file = file
        self._embedder = embedder
        self._clock = clock
        self._bounds = bounds
        self._progress = progress
        self._go_on = go_on

    def build(self, *, anew: bool) -> tuple[Saved, Stamp | None]:
        """The index of the files as they are now: the saved one unless that is older, or `anew`.

        Raises `NothingToRead` where there is no document, and `KnowledgeError` if the index folder cannot be used.
        """
        with self._file.building():
            paths = files.paths(self._folder)
            fingerprint = files.fingerprint(self._folder, paths, self._bounds)
            saved = self._file.load()
            if anew or saved is None or saved.contents.fingerprint != fingerprint:
                # Loaded where something is to be read: most starts find the index of the files as they are.
                from server.knowledge.contents import read

                earlier = saved.contents.found if saved else None
                found = read(self._folder, paths, earlier, self._bounds, self._go_on)
                contents = Contents(fingerprint, found, self._clock.now())
                texts = [searched(document) for document in found.documents]
                meanings = self._meanings(found.documents, saved)
                said = vocabulary(texts)
                told = parsed({*said, *spoken([*found.synonyms, *everyday()])})
                saved = Saved(contents, meanings, postings(texts), said, told)
                self._file.save(saved)
            return saved, self._file.stamp()

    def _meanings(self, documents: Sequence[Document], earlier: Saved | None) -> Meanings | None:
        """Of each document; those that were saved with the same words are taken from there."""
        if self._embedder is None:
            return None
        known: dict[object, Embedded] = {}
        if earlier is not None and earlier.meanings is not None:
            known = dict(zip(map(_words, earlier.contents.found.documents), earlier.meanings.of_each(), strict=True))
        new = {_words(document): document for document in documents if _words(document) not in known}
        for done, (words, document) in enumerate(new.items()):
            self._go_on()
            self._progress(done, len(new))
            known[words] = embed(document, self._embedder)
        if new:
            self._progress(len(new), len(new))
        return together([known[_words(document)] for document in documents])


def _words(document: Document) -> object:
    """What a document's vector depends on: not on its place, so an inserted row costs one embedding."""
    return document.text, document.fields
