"""The daemon's log files, read as they are: newest lines of the past, and new ones as they come."""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeGuard

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FILES = {"integration": "talkme_integration.log", "api": "api.log"}
LOOK_SECONDS = 0.25
"""How often a followed file is looked at."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: the file it stands in (a key of `FILES`), its text, and what it says."""

    file: str
    raw: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> str:
        return str(self.fields.get("at", ""))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines. `since` is ISO 8601 in UTC, as lines have it."""

    level: str = "DEBUG"
    since: str | None = None
    session: str | None = None
    grep: re.Pattern[str] | None = None

    def __call__(self, line: Line) -> bool:
        says = line.fields
        return (
            LEVELS.index(says.get("level", "INFO")) >= LEVELS.index(self.level)
            and (self.since is None or line.at >= self.since)
            and (self.session is None or says.get("session") == self.session)
            and (self.grep is None or bool(self.grep.search(says.get("message", "") + says.get("error", ""))))
        )


def latest(logs: Sequence[LogFile], wanted: Wanted, count: int) -> list[Line]:
    """The last `count` wanted lines of these files together, oldest first; those set aside by rotation are read too."""
    found = [line for log in logs for line in _latest_of(log, wanted, count)]
    return sorted(found, key=lambda line: line.at)[-count:] if count else []


def _latest_of(log: LogFile, wanted: Wanted, count: int) -> list[Line]:
    found: deque[Line] = deque((line for line in log.new() if wanted(line)), maxlen=count)
    for path in log.set_aside():
        if len(found) >= count or (wanted.since and found and found[0].at < wanted.since):
            break
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as lines:
            parsed = (_parsed(log.name, text) for text in lines)
            earlier = deque((line for line in parsed if line and wanted(line)), maxlen=count - len(found))
            found.extendleft(reversed(earlier))
    return list(found)


def follow(logs: Sequence[LogFile], wanted: Wanted) -> Iterator[Line]:
    """Wanted lines as they are written, until interrupted."""
    while True:
        new = sorted((line for log in logs for line in log.new() if wanted(line)), key=lambda line: line.at)
        yield from new
        if not new:
            time.sleep(LOOK_SECONDS)


def _parsed(file: str, text: str) -> Line | None:
    """None for an empty line; one that the daemon would not write like this says itself."""
    text = text.rstrip("\n")
    if not text:
        return None
    try:
        says = json.loads(text)
    except ValueError:
        says = None
    return Line(file, text, says if _is_the_daemons(says) else {"message": text})


def _is_the_daemons(says: object) -> TypeGuard[dict[str, Any]]:
    """Whether all that lines are chosen, ordered and shown by is what it should be."""
    if not isinstance(says, dict) or says.get("level", "INFO") not in LEVELS:
        return False
    texts = [says[name] for name in ("at", "message", "error") if name in says]
    return all(isinstance(each, str) for each in texts) and _is_a_moment(says.get("at"))


def _is_a_moment(at: str | None) -> bool:
    try:
        return not at or bool(datetime.fromisoformat(at))
    except ValueError:
        return False


class LogFile:
    """One of `FILES`, read from its beginning and then followed across rotation and restart of the daemon."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._path = folder / FILES[name]
        self._open: IO[str] | None = None
        self._part = ""
        self._reopen()

    def set_aside(self) -> list[Path]:
        """The files that rotation has set aside, the newest first."""
        aside = [path for path in self._path.parent.glob(f"{self._path.name}.*") if path.suffix[1:].isdigit()]
        return sorted(aside, key=lambda path: int(path.suffix[1:]))

    def new(self) -> Iterator[Line]:
        """The lines that have come since the last call; at first, all of the file."""
        yield from self._read()
        if self._was_replaced():
            yield from self._read()  # what was written before it was set aside
            self._reopen()
            yield from self._read()

    def _read(self) -> Iterator[Line]:
        if self._open is None:
            return
        *whole, self._part = (self._part + self._open.read()).split("\n")
        for text in whole:
            if line := _parsed(self.name, text):
                yield line

    def _was_replaced(self) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        if self._open is None:
            return True
        return found.st_ino != _inode(self._open) or found.st_size < self._open.tell()

    def _reopen(self) -> None:
        if self._open:
            self._open.close()
        self._open, self._part = None, ""
        with suppress(FileNotFoundError):
            self._open = self._path.open(encoding="utf-8", errors="replace")


def _inode(file: IO[str]) -> int:
    return os.fstat(file.fileno()).st_ino
