"""What stands in the files of the folder, all of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from server.errors import KnowledgeError
from server.knowledge.base import Document
from server.knowledge.bounds import FILES, TOLD, Bounds, counted
from server.knowledge.folder import BrokenOff, Found, NothingToRead, refused, source
from server.knowledge.reader import Answer
from server.knowledge.reading import Reading
from server.knowledge.synonyms import Synonym


def read(
    folder: Path,
    paths: Sequence[Path],
    earlier: Found | None = None,
    bounds: Bounds = Bounds(),
    go_on: Callable[[], None] = lambda: None,
) -> Found:
    """All files. One that cannot be read gives what stands of it in `earlier`: staff who are in the middle of saving
    do not take it from callers. `go_on` is called now and then, and raises `BrokenOff` to end it.

    Raises `NothingToRead` where there is no document at all.
    """
    documents: list[Document] = []
    own: list[Synonym] = []
    problems: list[str] = []
    with Reading(bounds, go_on) as reading:
        for path in paths[:FILES]:
            room = bounds.documents - counted(document.text for document in documents)
            try:
                answer = _read(reading, folder, path, bounds, max(0, room))
            except BrokenOff:
                raise
            except KnowledgeError as error:
                answer = _earlier(source(folder, path), earlier)
                kept = answer.documents or answer.synonyms
                problems.append(f"{error}; its earlier content is still used" if kept else str(error))
            documents += answer.documents
            own += answer.synonyms
    files_count = len(paths[:FILES]) - len(problems)
    if len(problems) > TOLD:
        problems[TOLD:] = [f"{len(problems) - TOLD} more files could not be read; mend or remove these first"]
    if len(paths) > FILES:
        problems.append(f"the knowledge folder has {len(paths)} files, and the first {FILES} are read; remove the rest")
    if not documents:
        raise NothingToRead(
            *(problems or ["the files of the knowledge folder are empty; fill in at least one row or paragraph"])
        )
    return Found(tuple(documents), tuple(own), tuple(problems), files_count)


def _read(reading: Reading, folder: Path, path: Path, bounds: Bounds, room: int) -> Answer:
    if reason := refused(folder, path, bounds):
        raise KnowledgeError(reason)
    return _of(source(folder, path), reading.file(path, room))


def _earlier(source: str, earlier: Found | None) -> Answer:
    if earlier is None:
        return Answer()
    return Answer(
        tuple(document for document in earlier.documents if document.source == source),
        tuple(synonym for synonym in earlier.synonyms if synonym.source == source),
    )


def _of(source: str, answer: Answer) -> Answer:
    """Who reads a file knows its name alone, which a file of another folder may have too."""
    return Answer(
        tuple(replace(document, source=source) for document in answer.documents),
        tuple(replace(synonym, source=source) for synonym in answer.synonyms),
    )
