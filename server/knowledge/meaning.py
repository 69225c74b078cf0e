"""Documents by their meaning: one vector of the whole, and of a long text one of each passage too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.knowledge.abbreviations import values
from server.knowledge.base import Document
from server.knowledge.embedding import Embedder, Vector
from server.knowledge.searched import head

PASSAGE = 300
"""Characters of a passage, unless a single sentence is longer: about what one question is about."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of one document."""

    whole: Vector
    passages: Vector
    """A row for each passage; none where the document is no longer than one."""


@dataclass(frozen=True, slots=True)
class Meanings:
    """The vectors of all documents."""

    wholes: Vector
    """A row for each document."""
    passages: Vector
    """The passages of all documents, in the documents' order."""
    owners: NDArray[np.int32]
    """The position of the document that each passage is of."""

    def nearness(self, question: Vector) -> Vector:
        """Of each document to the question. Of a long text it is the middle between the whole and the nearest passage:
        a passage alone does not know what the text is about."""
        near: Vector = self.wholes @ question
        if len(self.owners):
            owners, starts = np.unique(self.owners, return_index=True)
            nearest = np.maximum.reduceat(self.passages @ question, starts)
            near[owners] = (near[owners] + nearest) / 2
        return near

    def of_each(self) -> list[Embedded]:
        """The vectors of the documents one by one."""
        ends = np.searchsorted(self.owners, np.arange(len(self.wholes) + 1))
        return [
            Embedded(whole, self.passages[start:end])
            for whole, start, end in zip(self.wholes, ends, ends[1:], strict=False)
        ]


def together(embedded: Sequence[Embedded]) -> Meanings:
    """Of at least one document."""
    owners = np.repeat(np.arange(len(embedded), dtype=np.int32), [len(each.passages) for each in embedded])
    return Meanings(
        np.stack([each.whole for each in embedded]), np.concatenate([each.passages for each in embedded]), owners
    )


def embed(document: Document, embedder: Embedder) -> Embedded:
    """The vectors of a document.

    That of a row is the middle between the whole row, its group with its name, and its name with the beginning of its
    description: the whole row alone is drawn towards its remarks and numbers, the first values alone know too little.
    """
    texts = _views(document) or [document.text]
    whole: Vector = embedder.passages(texts).mean(axis=0)
    passages = [] if document.fields else _passages(document.text)
    return Embedded(whole, embedder.passages(passages) if len(passages) > 1 else np.empty((0, len(whole)), np.float32))


def _views(document: Document) -> list[str]:
    told = values(document)
    about = head(told)
    if not document.fields or not about:
        return []
    names = (name for name, _ in document.fields)
    whole = "\n".join(f"{name}: {value}" if name else value for name, value in zip(names, told, strict=True))
    return [whole, ". ".join(about[:2]), ". ".join(about[1:3] or about)]


def _passages(text: str) -> list[str]:
    """Whole sentences put together, each passage under the first line of the text, which is its heading."""
    heading, _, body = text.partition("\n")
    passages: list[str] = []
    for sentence in filter(None, _SENTENCE_END.split(body)):
        if passages and len(passages[-1]) + len(sentence) <= PASSAGE:
            passages[-1] += f" {sentence}"
        else:
            passages.append(sentence)
    return [f"{heading}. {passage}" for passage in passages]
