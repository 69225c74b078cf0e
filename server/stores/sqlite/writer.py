"""Group commit: concurrent writes of a process share one SQLite transaction and one disk flush."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from server.errors import StoreError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BATCH = 256
"""Writes in one transaction at most: bounds how long the first of them waits for the last."""
PATIENCE = 0.005
"""Seconds for which a write that nobody's reply depends on waits for others to share their flush."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any]
    patient: bool = False
    result: Any = None
    error: BaseException | None = None


class GroupWriter:
    """A thread that owns the writing connection.

    What has arrived while a transaction was being flushed goes into the next one together. Each piece of work is
    atomic: if it raises, its own changes alone are undone. `run` returns only after the flush: what it says is durable.

    One piece of work may stand behind the others (`run_behind`): it is done in the transaction of whatever is written
    next. So a message is accepted and claimed by one flush.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._behind: _Job | None = None
        self._withdrawn, self._behind_its_time = False, True
        self._changing = threading.Lock()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T], *, patient: bool = False) -> T:
        """Do the work in a transaction, a `patient` one not before a few milliseconds have passed or others write.

        Raises what it raises, and `StoreError` where SQLite fails.
        """
        if self._thread is None:
            raise StoreError("the store is not open")
        job = _Job(work, self._loop.create_future(), patient)
        self._jobs.put(job)
        result: T = await job.future
        return result

    async def run_behind(
        self, work: Work[T], limit: AbstractAsyncContextManager[object], *, at_once: bool = False
    ) -> T | None:
        """Do the work behind what others write, until it comes to something: to what is true.

        It is done at once where that is asked for, and where something was written since it was done last. None when
        `limit` or `withdraw` ends it. One at a time; raises as `run` does.
        """
        if self._thread is None:
            raise StoreError("the store is not open")
        job = _Job(work, self._loop.create_future())
        with self._changing:
            self._behind, self._withdrawn = job, False
            at_once = at_once or self._behind_its_time
        if at_once:
            self._jobs.put(_Job(lambda db: None, self._loop.create_future()))
        try:
            with suppress(TimeoutError):
                async with limit:
                    await asyncio.shield(job.future)
        finally:
            self.withdraw()
        result: T | None = await job.future
        return result

    def withdraw(self) -> None:
        """Let what waits in `run_behind` return: now, or when the transaction has ended in which it is being done."""
        with self._changing:
            waits, self._behind, self._withdrawn = self._behind, None, True
        if waits:
            waits.future.set_result(None)

    async def stop(self) -> None:
        """Finish what was asked for, then close the connection."""
        if self._thread is not None:
            self._jobs.put(None)
            thread, self._thread = self._thread, None
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        connection = self._connect()
        while batch := self._next_batch():
            with self._changing:
                behind, self._behind = self._behind, None
                self._behind_its_time = behind is None
            _commit(connection, [*batch, behind] if behind else batch)
            if behind and not self._waits_on(behind):
                batch.append(behind)
            self._loop.call_soon_threadsafe(_resolve, batch)
        connection.close()

    def _waits_on(self, behind: _Job) -> bool:
        """Whether it has come to nothing, and somebody waits for it to come to something."""
        with self._changing:
            waits = not (behind.result or behind.error or self._withdrawn)
            if waits:
                self._behind = behind
            self._behind_its_time |= behind.error is not None
        return waits

    def _next_batch(self) -> list[_Job]:
        """What has arrived; empty at the end."""
        batch: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            patience = PATIENCE if all(each.patient for each in batch) else 0
            try:
                job = self._jobs.get(bool(patience), patience) if len(batch) < BATCH else None
            except Empty:
                return batch
            if job is None and len(batch) < BATCH:
                self._jobs.put(None)  # the end was asked for: this batch still counts
        return batch


def _commit(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        if not _all_well(connection, batch):
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                _perform(connection, job)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        for job in batch:
            job.error = StoreError(f"SQLite: {error}")
        if connection.in_transaction:
            with suppress(sqlite3.Error):  # the next batch must be tried whatever the disk says to this one
                connection.execute("ROLLBACK")


def _all_well(connection: sqlite3.Connection, batch: list[_Job]) -> bool:
    """Do all of it, as if nothing could go wrong, which it seldom does; False where something has."""
    try:
        for job in batch:
            job.result = job.work(connection)
    except sqlite3.Error:
        raise
    except Exception:  # whose it was, and what it was, shows when each is done for itself
        return False
    return True


def _perform(connection: sqlite3.Connection, job: _Job) -> None:
    """Do one piece so that it can be undone without the others."""
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except sqlite3.Error:
        raise
    except Exception as error:
        connection.execute("ROLLBACK TO job")
        job.result, job.error = None, error
    connection.execute("RELEASE job")


def _resolve(batch: list[_Job]) -> None:
    for job in batch:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
