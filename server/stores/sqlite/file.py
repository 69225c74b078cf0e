"""The file itself: made, opened, watched that it stays, and rid of what was deleted."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from server.errors import StoreError
from server.stores.sqlite.backup import to_read
from server.stores.sqlite.schema import migrate, version_of
from server.stores.sqlite.writer import BUSY_SECONDS

LEFT_AS_IT_IS = "it was left as it is: restore a backup, or move it away to start afresh"


class StoreFile:
    """The SQLite file at `path`. `prepare` comes before all else."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Make it, or bring it to this version. Raises `StoreError`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds callers' words and tokens
            with closing(self.connect()) as db:
                if migrate(db, self._path):
                    with suppress(sqlite3.OperationalError):  # a worker of the older version still has the file
                        db.execute("VACUUM")  # what was deleted before `secure_delete` may still be in it
            self._inode = self._path.stat().st_ino
        except OSError as error:
            raise self._not_to_be_had(error) from None
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: sqlite3.DatabaseError) -> StoreError:
        """What is only locked must not be taken for damaged: a backup put in its place would lose what came since."""
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreError(f"{self._path}: {error}; another program writes to it: wait for its end, or stop it")
        return self.damaged(error)

    def look(self) -> None:
        """Whether it is whole and can be opened, without bringing it to this version. Raises `StoreError`."""
        try:
            os.close(os.open(self._path, os.O_RDWR))
            with closing(to_read(self._path)) as db:
                version_of(db, self._path)
                found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        except OSError as error:
            raise self._not_to_be_had(error) from None
        except sqlite3.DatabaseError as error:
            raise self.damaged(error) from None
        if found != "ok":
            raise self.damaged(found)

    def _not_to_be_had(self, error: OSError) -> StoreError:
        return StoreError(f"{self._path}: {error.strerror}; make it writable or set store.url")

    def damaged(self, found: object) -> StoreError:
        return StoreError(f"{self._path}: {found}; {LEFT_AS_IT_IS}")

    def must_be_there(self) -> None:
        """What is written into a file that was deleted or replaced would be gone with this process. Raises
        `StoreError`."""
        try:
            found = os.stat(self._path).st_ino  # noqa: PTH116 - with each message, and a Path takes twice as long
        except OSError:
            found = None
        if found != self._inode:
            raise StoreError(f"{self._path} was removed or replaced while the daemon runs; put it back or restart")

    def connect(self, busy: float = BUSY_SECONDS) -> sqlite3.Connection:
        """`busy`: seconds that a statement waits for another process's transaction."""
        db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not only given up
        db.execute(f"PRAGMA busy_timeout = {1000 * busy:.0f}")
        db.row_factory = sqlite3.Row
        return db

    def empty_wal(self) -> bool:
        """Bring what was deleted out of the write-ahead log too: it holds what pages were like before. False where
        that cannot be done, as while another process reads, or where the file is gone, and would be made."""
        try:
            self.must_be_there()
            with closing(self.connect()) as db:
                busy: int = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return not busy
        except (StoreError, sqlite3.Error):
            return False
