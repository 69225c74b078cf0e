"""Log files that several processes write, and that do not grow without end."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from logging.handlers import WatchedFileHandler
from pathlib import Path

from server.observability.gathering import Together

LOOK_EVERY = 50
"""Lines between two looks at the file's size and day: each costs a system call."""


class RotatingFile(WatchedFileHandler, Together):
    """Appends whole lines to a file that is set aside when it has `size` bytes, or is of an earlier day.

    `name.log` becomes `name.log.1`, that one `.2`, and so on; `kept` of them stay. The standard library's rotating
    handlers are for one process; here the one that renames holds a lock, and the others notice that the file is
    another one and open it anew, which is what `WatchedFileHandler` is for.
    """

    def __init__(self, path: Path, *, size: int, kept: int) -> None:
        super().__init__(path, encoding="utf-8")
        self._path, self._size, self._kept = path, size, kept
        self._lines = LOOK_EVERY

    def emit(self, record: logging.LogRecord) -> None:
        self.emit_all([record])

    def write_all(self, records: Sequence[logging.LogRecord]) -> None:
        if self._lines >= LOOK_EVERY:
            self._lines = 0
            if self._is_due():
                with suppress(OSError):  # a log that cannot be rotated is still better than none
                    self._rotate()
        self._lines += len(records)
        self._be_open()
        super().write_all(records)

    def _be_open(self) -> None:
        """Somebody may have removed the file with its folder, and what could not be opened before may be by now."""
        try:
            self.reopenIfNeeded()
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self.stream:
            self.stream = self._open()

    def _is_due(self) -> bool:
        try:
            found = self._path.stat()
        except OSError:
            return False
        today, written = (time.localtime(at)[:3] for at in (time.time(), found.st_mtime))
        return found.st_size >= self._size or (found.st_size > 0 and written != today)

    def _rotate(self) -> None:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._is_due():  # another process was quicker
                return
            for number in range(self._kept - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._numbered(number).replace(self._numbered(number + 1))
            self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
