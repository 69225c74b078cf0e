"""What the knowledge base promises to the consultant, and the words it uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Document:
    """The smallest thing that can be found: a row of a table or a section of a text."""

    text: str
    """What is searched and what the consultant reads: `column: value` lines of a row, or the section's words."""
    source: str
    """The file, by its path in the knowledge folder."""
    location: str
    """`sheet!row` in Excel's own numbering, or the heading."""
    fields: tuple[tuple[str, str], ...] = ()
    """A row's columns and values in the sheet's order; empty for a text."""

    def __hash__(self) -> int:
        """Of its place alone: what is kept for a row is looked up many times a question."""
        return hash((self.source, self.location))


@dataclass(frozen=True, slots=True)
class Finding:
    """A document that may answer the question. `score` orders the findings of one search and means nothing more."""

    document: Document
    score: float


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of one search, best first."""

    query: str
    confidence: float
    """0 to 1: how likely the first finding answers the question. Below `knowledge.min_confidence` it does not."""
    results: tuple[Finding, ...] = ()
    understood: str = ""
    """What was looked for: the query with misheard words put right and the files' words for what it says behind it."""


@dataclass(frozen=True, slots=True)
class KnowledgeStatus:
    """What the knowledge base is made of now. `updated_at` is Unix seconds."""

    knowledge_base_exists: bool
    files_count: int
    documents_count: int
    updated_at: float | None
    embedder: str
    """Who understands meaning: `e5` or `use`, or `none` for lexical search alone."""
    problems: tuple[str, ...] = ()
    """A line for each file that could not be read, and for a missing embedder."""


class Knowledge(Protocol):
    """The company's files, searchable.

    `search` never fails because of a file: what cannot be read is a problem of `status`, not of the caller.
    It leaves the event loop free while it works. Swapping in a rebuilt index is atomic: a search sees
    the old index or the new one, never a part of either.
    """

    async def search(self, query: str, limit: int = 5) -> Findings:
        """The best documents for a caller's words, best first; empty with confidence 0 where nothing fits."""

    async def regenerate(self) -> KnowledgeStatus:
        """Read all files again and swap the new index in. Raises `KnowledgeError` if nothing could be built;
        the old index stays then."""

    def understood(self, query: str) -> str:
        """What a question is looked for as: misheard words put right, the files' words for what it says behind it."""

    def status(self) -> KnowledgeStatus:
        """What is searched now."""
