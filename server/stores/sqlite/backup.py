"""Copies of the file that are whole, and the way back."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

from server.errors import StoreError, StoreMisplaced
from server.stores.base import Copy
from server.stores.sqlite.schema import APPLICATION_ID, MIGRATIONS

SIDE_FILES = ("-wal", "-shm")
BUSY_SECONDS = 10.0
IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SQLiteBackup:
    """See `server.stores.base.Backups` for what the methods promise."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path, self._now = path, now

    def make(self, folder: Path) -> Copy:
        if not self._path.exists():
            raise StoreError(f"{self._path} is not there: nothing to back up; is store.url right?")
        target = folder / time.strftime("iteira-%Y%m%dT%H%M%SZ.db", time.gmtime(self._now()))
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _beside(target) as part:
                self._copy(part)
                found = examined(part)
                part.replace(target)
                _flush(folder)
        except OSError as error:
            raise StoreError(f"{error.filename or target}: {error.strerror}") from None
        return replace(found, path=target)

    def _copy(self, part: Path) -> None:
        try:
            with closing(to_read(self._path)) as source, closing(sqlite3.connect(part)) as copy:
                # All pages in one step: a reader of a WAL file holds up no writer, and sees one state of it.
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} could not be copied: {error}") from None
        _flush(part)

    def examine(self, copy: Path) -> Copy:
        return examined(copy)

    def restore(self, copy: Path) -> Path | None:
        examined(copy)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _beside(self._path) as part:
                part.write_bytes(copy.read_bytes())
                _flush(part)
                return self._exchange(part)
        except OSError as error:
            raise StoreError(f"{error.filename or self._path}: {error.strerror}") from None

    def _exchange(self, part: Path) -> Path | None:
        """Done last, when nothing needs room any more: where there is no store, a daemon begins an empty one."""
        kept = self._path.with_name(self._path.name + time.strftime(".before-%Y%m%dT%H%M%SZ", time.gmtime(self._now())))
        there_was = self._path.exists()
        if there_was:
            self._must_be_closed()
        with ExitStack() as undo:
            for suffix in ("", *SIDE_FILES):
                here, there = Path(f"{self._path}{suffix}"), Path(f"{kept}{suffix}")
                with suppress(FileNotFoundError):
                    here.rename(there)
                    undo.callback(put_back, there, here)
            part.replace(self._path)
            undo.callback(self._path.unlink)
            _flush(self._path.parent)
            undo.pop_all()
        return kept if there_was else None

    def _must_be_closed(self) -> None:
        """Only who is alone with a file can end its WAL, which goes into the file then."""
        try:
            with closing(sqlite3.connect(self._path, timeout=0)) as db:
                db.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in IN_USE:
                raise StoreError(f"{self._path} is in use ({error}): stop every daemon that uses it first") from None
            raise StoreError(f"{self._path} could not be closed: {error}") from None
        except sqlite3.DatabaseError:
            return  # damaged, which is why it is replaced


def put_back(there: Path, here: Path) -> None:
    try:
        there.rename(here)
    except OSError as error:
        raise StoreMisplaced(f"{here} is {there} now, and could not be put back: {error.strerror}") from None


def examined(path: Path) -> Copy:
    """What a copy holds. Raises `StoreError` unless it is whole, ours, and of no newer version."""
    if not path.is_file():
        raise StoreError(f"{path} is not there")
    try:
        with closing(to_read(path, "&immutable=1")) as db:
            version, wrong = _number(db, "PRAGMA user_version"), _fault(db)
            if wrong:
                raise StoreError(f"{path} {wrong}")
            sessions = _number(db, "SELECT count(*) FROM sessions")
            messages = _number(db, "SELECT count(*) FROM messages")
            waiting = _number(db, "SELECT value FROM counters WHERE name = 'waiting'")
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is no usable copy: {error}") from None
    return Copy(path, path.stat().st_size, version, sessions, messages, waiting)


def to_read(path: Path, more: str = "") -> sqlite3.Connection:
    """A connection that changes nothing, which only a URI can ask for: a path may hold what means something there."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{more}", uri=True, timeout=BUSY_SECONDS)


def _fault(db: sqlite3.Connection) -> str | None:
    if _number(db, "PRAGMA application_id") != APPLICATION_ID:
        return "is a database of another program"
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        return f"is damaged: {found}"
    version, known = _number(db, "PRAGMA user_version"), len(MIGRATIONS)
    return f"is of a newer iteira (schema {version}, this one knows {known})" if version > known else None


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


class _beside:
    """A file beside `target` that is gone at the end, unless it has become `target`."""

    def __init__(self, target: Path) -> None:
        self._part = target.with_name(f"{target.name}.part-{os.getpid()}")

    def __enter__(self) -> Path:
        os.close(os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return self._part

    def __exit__(self, *_: object) -> None:
        self._part.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
