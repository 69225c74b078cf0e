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
TRY_AGAIN_SECONDS = 60.0
"""How long files that could not be brought in are left alone, unless they change: reading them all costs a lot."""

Snapshot = frozenset[tuple[str, int, int]]


class Watcher:
    """Calls `refresh` after a change of the folder. Every worker process has one: who comes first builds the index,
    the others find it built."""

    def __init__(self, folder: Path, refresh: Callable[[], Awaitable[object]], clock: Clock) -> None:
        """`refresh` may raise `KnowledgeError`: what was searched before is searched on then."""
        self._folder, self._refresh, self._clock = folder, refresh, clock
        self._seen: Snapshot | None = None
        self._failed_at: float | None = None

    def start(self) -> None:
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        self._stopping.set()
        await ended(self._task)

    async def _watch(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception as error:  # a folder was removed, no watches are left, a file's name is no text, …
                log.debug("knowledge: %r; the folder is looked at again", error)
            await self._clock.sleep(LOOK_AGAIN_SECONDS)

    async def _follow(self) -> None:
        """Until the folder is gone; it may not have come yet."""
        if await asyncio.to_thread(self._folder.is_dir):
            await self._look()
            async for _ in self._changes():
                await self._look()

    def _changes(self) -> AsyncIterator[object]:
        return awatch(
            self._folder,
            watch_filter=lambda change, path: not ignored(Path(Path(path).name)),
            rust_timeout=int(LOOK_AGAIN_SECONDS * 1000),
            yield_on_timeout=True,
            stop_event=self._stopping,
        )

    async def _look(self) -> None:
        """Refresh what has changed, as soon as the folder has come to rest, and what could not be refreshed before."""
        now = await asyncio.to_thread(snapshot, self._folder)
        if now == self._seen and not self._is_to_be_tried_again():
            return
        before = None
        while now != before:
            await self._clock.sleep(QUIET_SECONDS)
            before, now = now, await asyncio.to_thread(snapshot, self._folder)
        self._seen, self._failed_at = now, self._clock.now()
        try:
            await self._refresh()
            self._failed_at = None
        except KnowledgeError as error:
            log.warning("knowledge: %s; the earlier content is still used", error)
        except Exception:  # our own mistake, with which the next save need not meet
            log.exception("knowledge: the earlier content is still used")

    def _is_to_be_tried_again(self) -> bool:
        return self._failed_at is not None and not 0 <= self._clock.now() - self._failed_at < TRY_AGAIN_SECONDS


def snapshot(folder: Path) -> Snapshot:
    """Name, size and time of all files that matter: cheap, and different after every save."""
    found = set()
    for path in folder.rglob("*"):
        if not ignored(path.relative_to(folder)):
            with suppress(OSError):
                state = path.stat()
                found.add((str(path), state.st_size, state.st_mtime_ns))
    return frozenset(found)
