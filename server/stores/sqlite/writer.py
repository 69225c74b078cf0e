"""Group commit: concurrent writes of a process share one SQLite transaction and one disk flush."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from server.clock import Alarm
from server.errors import StoreError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BATCH = 64
"""Writes in one transaction at most: bounds how long the first of them waits for the last, and the event loop for
all."""
PATIENCE = 0.005
"""Seconds for which a write that nobody's reply depends on waits for others to share their flush."""
BUSY_SECONDS = 2.0
"""How long a write waits for another process's transaction before the store counts as unavailable."""
LOOK_SECONDS = 0.002
"""How often it looks whether that has ended."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any]
    brief: bool = True
    result: Any = None
    error: BaseException | None = None
    withdrawn: bool = False
    """Of the one that stands behind: nobody waits for it to come to something any more."""


class GroupWriter:
    """Owns the writing connection. Used by one event loop.

    What has arrived while a transaction was being flushed goes into the next one together. Each piece of work is
    atomic: if it raises, its own changes alone are undone. `run` returns only after the flush: what it says is durable.

    The flush, and work that may take long, is done in a thread. Brief work, which touches a few rows, is done on the
    event loop: handing it to a thread, statement by statement, would cost more than it does.

    One piece of work may stand behind the others (`run_behind`): it is done in the transaction of whatever is written
    next. So a message is accepted and claimed by one flush.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """`connect` opens a connection that never waits for another process's transaction itself."""
        self._connect = connect
        self._thread = threading.Thread(target=self._serve, name="sqlite-writer", daemon=True)
        self._handed: SimpleQueue[tuple[Callable[[], None], Callable[[], None]] | None] = SimpleQueue()
        self._jobs: list[_Job] = []
        self._behind: _Job | None = None
        self._being_done: _Job | None = None
        """The one that stood behind until the transaction that is under way began."""
        self._behind_its_time = True
        self._under_way = False
        self._alarm: asyncio.TimerHandle | None = None
        self._db: sqlite3.Connection | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._db = await asyncio.to_thread(self._connect)
        self._thread.start()

    async def run(self, work: Work[T], *, brief: bool = False, patient: bool = False) -> T:
        """Do the work in a transaction, a `patient` one not before a few milliseconds have passed or others write.

        Raises what it raises, and `StoreError` where SQLite fails.
        """
        job = self._job(work, brief=brief)
        self._jobs.append(job)
        if patient and not self._under_way:
            self._alarm = self._alarm or self._loop.call_later(PATIENCE, self._begin)
        else:
            self._begin()
        result: T = await job.future
        return result

    async def run_behind(
        self, work: Work[T], in_time: Callable[[Callable[[], None]], Alarm], *, at_once: bool = False
    ) -> T | None:
        """Do brief work behind what others write, until it comes to something: to what is true.

        It is done at once where that is asked for, and where something was written since it was done last. None when
        it is withdrawn: by `withdraw`, or by the alarm that `in_time` sets. One at a time; raises as `run` does.
        """
        job = self._behind = self._job(work)
        self._behind_its_time |= at_once
        if self._behind_its_time:
            self._begin()
        alarm = in_time(partial(self._withdraw, job))
        try:
            result: T | None = await job.future
        finally:
            alarm.cancel()
            self._withdraw(job)
        return result

    def withdraw(self) -> None:
        """Let what waits in `run_behind` return: now, or when the transaction has ended in which it is being done."""
        if job := self._behind or self._being_done:
            self._withdraw(job)

    async def stop(self) -> None:
        """Finish what was asked for, then close the connection."""
        if self._db is not None:
            await self.run(lambda db: None)
            db, self._db = self._db, None
            self._handed.put(None)
            await asyncio.to_thread(self._thread.join)
            await asyncio.to_thread(db.close)

    def _job(self, work: Work[Any], *, brief: bool = True) -> _Job:
        if self._db is None:
            raise StoreError("the store is not open")
        return _Job(work, self._loop.create_future(), brief)

    def _withdraw(self, job: _Job) -> None:
        job.withdrawn = True
        if self._behind is job:
            self._behind = None
            if not job.future.done():  # it is cancelled where nobody waits any more
                job.future.set_result(None)

    def _begin(self) -> None:
        """Begin a transaction with what this turn of the event loop brings, unless one is under way: its end begins
        the next."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if not self._under_way:
            self._under_way = True
            self._loop.call_soon(self._transact)

    def _transact(self) -> None:
        batch, self._jobs = self._jobs[:BATCH], self._jobs[BATCH:]
        behind, self._behind = self._behind, None
        self._being_done = behind
        self._behind_its_time = behind is None
        work = [*batch, behind] if behind else batch
        db = self._db
        assert db is not None
        begun = all(job.brief for job in work) and _has_begun(db, work, patience=0.0)
        self._handed.put((partial(_flush if begun else _whole, db, work), partial(self._ended, batch, behind)))

    def _serve(self) -> None:
        """The thread: it does what is handed to it, and says on the event loop that it is done."""
        while handed := self._handed.get():
            work, ended = handed
            work()
            self._loop.call_soon_threadsafe(ended)

    def _ended(self, batch: list[_Job], behind: _Job | None) -> None:
        self._under_way = False
        self._being_done = None
        if behind:
            self._behind_its_time |= behind.error is not None
            if behind.result or behind.error or behind.withdrawn:
                batch.append(behind)
            else:
                self._behind = behind
        for job in batch:
            _resolve(job)
        if self._jobs or (self._behind and self._behind_its_time):
            self._begin()


def _whole(db: sqlite3.Connection, batch: list[_Job]) -> None:
    """A transaction from its beginning to its end."""
    if _has_begun(db, batch, patience=BUSY_SECONDS):
        _flush(db, batch)


def _has_begun(db: sqlite3.Connection, batch: list[_Job], *, patience: float) -> bool:
    """Do the work inside a transaction that is not flushed yet. False, and nothing was done, while another process
    writes; with an error after `patience` seconds of it."""
    for is_done in (_is_done_together, _is_done_one_by_one):
        try:
            _begin_within(db, patience)
        except sqlite3.Error as error:
            _fail(db, batch if patience else [], error)
            return False
        try:
            if is_done(db, batch):
                break
            db.execute("ROLLBACK")  # it gives the lock away: another process may be next
        except sqlite3.Error as error:
            _fail(db, batch, error)
            break
    return True


def _begin_within(db: sqlite3.Connection, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            db.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.Error as error:
            if time.monotonic() >= until or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(LOOK_SECONDS)


def _flush(db: sqlite3.Connection, batch: list[_Job]) -> None:
    try:
        if db.in_transaction:  # else it has failed
            db.execute("COMMIT")
    except sqlite3.Error as error:
        _fail(db, batch, error)


def _fail(db: sqlite3.Connection, batch: list[_Job], error: sqlite3.Error) -> None:
    for job in batch:
        job.result, job.error = None, StoreError(f"SQLite: {error}")
    if db.in_transaction:
        with suppress(sqlite3.Error):  # the next batch must be tried whatever the disk says to this one
            db.execute("ROLLBACK")


def _is_done_together(db: sqlite3.Connection, batch: list[_Job]) -> bool:
    """Do all of it, as if nothing could go wrong, which it seldom does; False where something has."""
    try:
        for job in batch:
            job.result = job.work(db)
    except sqlite3.Error:
        raise
    except Exception:  # whose it was, and what it was, shows when each is done for itself
        return False
    return True


def _is_done_one_by_one(db: sqlite3.Connection, batch: list[_Job]) -> bool:
    for job in batch:
        _perform(db, job)
    return True


def _perform(db: sqlite3.Connection, job: _Job) -> None:
    """Do one piece so that it can be undone without the others."""
    db.execute("SAVEPOINT job")
    try:
        job.result = job.work(db)
    except sqlite3.Error:
        raise
    except Exception as error:
        db.execute("ROLLBACK TO job")
        job.result, job.error = None, error
    db.execute("RELEASE job")


def _resolve(job: _Job) -> None:
    if job.future.done():
        return
    if job.error is not None:
        job.future.set_exception(job.error)
    else:
        job.future.set_result(job.result)
