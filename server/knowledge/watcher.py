"""Watching the knowledge folder: what staff save is what callers hear, without anybody doing anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from watchfiles import awatch

from server.clock import Clock
from server.ending import ended
from server.errors import KnowledgeError
from server.knowledge.folder import ignored

log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
"""How long the folder must stay as it is before it is read: saving takes several steps, the file is gone in some."""
LOOK_AGAIN_SECONDS = 5.0
"""How often the folder is looked at unasked: it may not be there yet, or lie on a network that tells no changes."""

Snapshot = frozenset[tuple[str, int, int]]


class Watcher:
    """Calls `refresh` after a change of the folder. Every worker process has one: who comes first builds the index,
    the others find it built."""

    def __init__(self, folder: Path, refresh: Callable[[], Awaitable[object]], clock: Clock) -> None:
        """`refresh` may raise `KnowledgeError`: what was searched before is searched on then."""
        self._folder, self._refresh, self._clock = folder, refresh, clock

    def start(self) -> None:
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        self._stopping.set()
        await ended(self._task)

    async def _watch(self) -> None:
        seen: Snapshot | None = None
        while True:
            if await asyncio.to_thread(self._folder.is_dir):
                seen = await self._refreshed(seen)
                try:
                    async for _ in self._changes():
                        seen = await self._refreshed(seen)
                except Exception as error:  # the folder was removed, no watches are left, a file's name is no text, …
                    log.debug("knowledge: %r; the folder is looked at again", error)
            await self._clock.sleep(LOOK_AGAIN_SECONDS)

    def _changes(self) -> AsyncIterator[object]:
        return awatch(
            self._folder,
            watch_filter=lambda change, path: not ignored(Path(Path(path).name)),
            rust_timeout=int(LOOK_AGAIN_SECONDS * 1000),
            yield_on_timeout=True,
            stop_event=self._stopping,
        )

    async def _refreshed(self, seen: Snapshot | None) -> Snapshot:
        """The folder as it is after it has come to rest; refreshed if that is not how it was `seen`."""
        now = await asyncio.to_thread(snapshot, self._folder)
        if now == seen:
            return now
        before = None
        while now != before:
            await self._clock.sleep(QUIET_SECONDS)
            before, now = now, await asyncio.to_thread(snapshot, self._folder)
        try:
            await self._refresh()
        except KnowledgeError as error:
            log.warning("knowledge: %s; the earlier content is still used", error)
        except Exception:  # our own mistake, with which the next save need not meet
            log.exception("knowledge: the earlier content is still used")
        return now


def snapshot(folder: Path) -> Snapshot:
    """Name, size and time of all files that matter: cheap, and different after every save."""
    found = set()
    for path in folder.rglob("*"):
        if not ignored(path.relative_to(folder)):
            with suppress(OSError):
                state = path.stat()
                found.add((str(path), state.st_size, state.st_mtime_ns))
    return frozenset(found)
