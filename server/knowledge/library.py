"""The knowledge base of the company: its files, its index, and searching it."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from server.clock import Clock
from server.errors import KnowledgeError
from server.knowledge.base import Findings, KnowledgeStatus
from server.knowledge.bounds import Bounds
from server.knowledge.building import Builder, Progress
from server.knowledge.embedding import NO_EMBEDDER, Embedder, EmbedderUnavailable, Vector, open_embedder
from server.knowledge.folder import BrokenOff, NothingToRead
from server.knowledge.index import Index
from server.knowledge.saved import Contents, IndexFile, Saved, Stamp
from server.knowledge.words import remember

log = logging.getLogger(__name__)

LONGEST_QUERY = 500
"""Characters of a question that are searched for; more of them blur its meaning and cost time."""


def _no_progress(done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What is searched at one moment: swapped whole, never changed."""

    contents: Contents
    index: Index


def _shelved(saved: Saved, embedder: Embedder | None) -> _Shelf:
    remember(saved.dictionary)
    return _Shelf(saved.contents, Index(saved, embedder))


class Library:
    """A folder of files as searchable `Knowledge`.

    `open` blocks and is for whoever starts a process: it is called once, before the first search; `prepare` is for
    whoever starts processes that search, and does not itself. The methods of the `Knowledge` protocol are for the event
    loop. Any number of processes may use the same folder and index folder: one of them builds, the others wait for it
    in `open` and read what it saved; when one regenerates, the others take the new index over at their next search.
    """

    def __init__(
        self,
        folder: Path,
        index_folder: Path,
        *,
        embedder: str | Embedder,
        clock: Clock,
        progress: Progress = _no_progress,
        bounds: Bounds = Bounds(),
    ) -> None:
        """`embedder` is an embedder, or the name of one that runs in this process: `e5`, `use`, or `none`; where it
        does not run here, words alone are searched and the status says so.

        `progress` is called from the thread that builds. Raises `KnowledgeError` for an unknown embedder.
        """
        self._problems: tuple[str, ...] = ()
        self._embedder: Embedder | None = None
        try:
            self._embedder = open_embedder(embedder) if isinstance(embedder, str) else embedder
        except EmbedderUnavailable as error:
            self._problems = (str(error),)
            _warn(self._problems)
        self._searched_by = self._embedder.name if self._embedder else NO_EMBEDDER
        self._file = IndexFile(index_folder, self._searched_by)
        self._closing = threading.Event()
        go_on = partial(_unless_set, self._closing)
        self._builder = Builder(
            folder, self._file, self._embedder, clock, bounds=bounds, progress=progress, go_on=go_on
        )
        self._shelf: _Shelf | None = None
        self._seen: Stamp | None = None
        self._nothing_to_read: tuple[str, ...] = ()
        self._not_refreshed: tuple[str, ...] = ()
        self._taking_over = False
        self._regenerating = asyncio.Lock()
        # More at once are no faster, and keep the event loop waiting for a core.
        self._places = asyncio.Semaphore(_cores())

    def prepare(self) -> KnowledgeStatus:
        """Build the index where files have changed, and tell what `open` will find. Blocks; raises as `open` does."""
        try:
            contents = self._builder.build(anew=False)[0].contents
        except NothingToRead as error:
            self._has_nothing(error)
            return self.status()
        _warn(contents.found.problems)
        return self._told(contents)

    def open(self) -> KnowledgeStatus:
        """Load the index, building it first where files have changed. Blocks.

        A knowledge base that is missing or unreadable is a problem of the status.
        Raises `KnowledgeError` if the index folder cannot be used.
        """
        try:
            self._put_up(*self._built(anew=False))
        except NothingToRead as error:
            self._has_nothing(error)
            # What may be saved is of files that are gone.
            self._seen = self._file.stamp()
        return self.status()

    async def search(self, query: str, limit: int = 5) -> Findings:
        words = query.strip()[:LONGEST_QUERY]
        shelf = await self._current()
        if shelf is None or not words:
            return Findings(query, 0.0)
        understood = shelf.index.understood(words)
        vector = await self._vector(understood)
        found = shelf.index.search(words, understood, vector, limit)
        return found if words == query else replace(found, query=query)

    async def regenerate(self) -> KnowledgeStatus:
        # One at a time, so that those who wait for it hold no threads that searches need.
        async with self._regenerating:
            self._put_up(*await asyncio.to_thread(self._built, anew=True))
        return self.status()

    async def refresh(self) -> None:
        """Read the files again if they have changed. Raises as `regenerate` does; the status tells that too."""
        async with self._regenerating:
            try:
                self._put_up(*await asyncio.to_thread(self._built, anew=False))
            except Exception as error:
                why = str(error) if isinstance(error, KnowledgeError) else type(error).__name__
                self._not_refreshed = (f"the changed files were not read: {why}",)
                raise

    @property
    def embedder(self) -> Embedder | None:
        """Who understands meaning; None where words alone are searched."""
        return self._embedder

    def close(self) -> None:
        """Break off a build that is under way: a process that stops does not wait for it."""
        self._closing.set()

    def understood(self, query: str) -> str:
        shelf = self._shelf
        return shelf.index.understood(query) if shelf else query

    def status(self) -> KnowledgeStatus:
        shelf = self._shelf
        if shelf is None:
            return KnowledgeStatus(False, 0, 0, None, self._searched_by, self._problems + self._nothing_to_read)
        return self._told(shelf.contents)

    def _told(self, contents: Contents) -> KnowledgeStatus:
        return KnowledgeStatus(
            knowledge_base_exists=True,
            files_count=contents.found.files_count,
            documents_count=len(contents.found.documents),
            updated_at=contents.updated_at,
            embedder=self._searched_by,
            problems=self._problems + self._not_refreshed + contents.found.problems,
        )

    async def _vector(self, text: str) -> Vector | None:
        """None where words alone are to be searched, for this time or always."""
        if self._embedder is None:
            return None
        try:
            async with self._places:
                return await asyncio.to_thread(self._embedder.query, text)
        except EmbedderUnavailable:
            return None

    async def _current(self) -> _Shelf | None:
        """What is to be searched: what another process has saved meanwhile, else what there was."""
        stamp = self._file.stamp()
        if stamp not in (None, self._seen) and not self._taking_over:
            # First, so that a damaged file is read once, and searches that come meanwhile do not wait.
            self._seen, self._taking_over = stamp, True
            try:
                taken = await asyncio.to_thread(self._taken_over)
                if self._seen == stamp:  # else it may be older than what was built here meanwhile
                    self._shelf = taken or self._shelf
                    self._not_refreshed = () if taken else self._not_refreshed
            finally:
                self._taking_over = False
        return self._shelf

    def _taken_over(self) -> _Shelf | None:
        saved = self._file.load()
        return _shelved(saved, self._embedder) if saved else None

    def _has_nothing(self, error: NothingToRead) -> None:
        self._nothing_to_read = error.problems
        _warn(error.problems)

    def _built(self, *, anew: bool) -> tuple[_Shelf, Stamp | None]:
        saved, stamp = self._builder.build(anew=anew)
        _warn(saved.contents.found.problems)
        return _shelved(saved, self._embedder), stamp

    def _put_up(self, shelf: _Shelf, stamp: Stamp | None) -> None:
        """On the event loop, not in the thread that has built it: a search that takes over another index looks first
        whether one was put up meanwhile."""
        self._shelf, self._seen, self._not_refreshed = shelf, stamp, ()
        found = shelf.contents.found
        log.info("knowledge: %d documents of %d files are searched now", len(found.documents), found.files_count)


def _unless_set(closing: threading.Event) -> None:
    """No method: a builder that held the library, which holds the builder, would keep the embedder in memory of a
    library that nobody uses any more."""
    if closing.is_set():
        raise BrokenOff("the build was broken off")


def _cores() -> int:
    """That this process may use: fewer than the machine has where a container or `taskset` says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _warn(problems: Sequence[str]) -> None:
    for problem in problems:
        log.warning("knowledge: %s", problem)
