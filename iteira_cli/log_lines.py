"""The daemon's log files, read as they are: newest lines of the past, and new ones as they come."""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

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


def latest(folder: Path, files: list[str], wanted: Wanted, count: int) -> list[Line]:
    """The last `count` wanted lines of these files together, oldest first; those set aside by rotation are read too."""
    found = [line for file in files for line in _latest_of(folder, file, wanted, count)]
    return sorted(found, key=lambda line: line.at)[-count:]


def _latest_of(folder: Path, file: str, wanted: Wanted, count: int) -> list[Line]:
    found: deque[Line] = deque()
    for path in _newest_first(folder / FILES[file]):
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as lines:
            parsed = (_parsed(file, text) for text in lines)
            matching = deque((line for line in parsed if line and wanted(line)), maxlen=count - len(found))
            found.extendleft(reversed(matching))
        if len(found) >= count or (wanted.since and found and found[0].at < wanted.since):
            break
    return list(found)


def _newest_first(path: Path) -> list[Path]:
    aside = [other for other in path.parent.glob(f"{path.name}.*") if other.suffix[1:].isdigit()]
    return [path, *sorted(aside, key=lambda other: int(other.suffix[1:]))]


def _parsed(file: str, text: str) -> Line | None:
    """None for a line that is not whole; a line that is no JSON object says itself."""
    text = text.rstrip("\n")
    if not text:
        return None
    try:
        says = json.loads(text)
    except ValueError:
        says = {"message": text}
    return Line(file, text, says if isinstance(says, dict) else {"message": text})


class Followed:
    """One file of the folder, followed from its present end across rotation and restart of the daemon."""

    def __init__(self, folder: Path, file: str) -> None:
        self._path, self._file = folder / FILES[file], file
        self._open: IO[str] | None = None
        self._part = ""
        self._reopen(at_end=True)

    def new(self) -> Iterator[Line]:
        """The lines that have come since the last call."""
        yield from self._read()
        if self._was_replaced():
            yield from self._read()  # what was written before it was set aside
            self._reopen(at_end=False)
            yield from self._read()

    def _read(self) -> Iterator[Line]:
        if self._open is None:
            return
        *whole, self._part = (self._part + self._open.read()).split("\n")
        for text in whole:
            if line := _parsed(self._file, text):
                yield line

    def _was_replaced(self) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        if self._open is None:
            return True
        return found.st_ino != _inode(self._open) or found.st_size < self._open.tell()

    def _reopen(self, *, at_end: bool) -> None:
        if self._open:
            self._open.close()
        self._open, self._part = None, ""
        with suppress(FileNotFoundError):
            self._open = self._path.open(encoding="utf-8", errors="replace")
            if at_end:
                self._open.seek(0, 2)


def _inode(file: IO[str]) -> int:
    return os.fstat(file.fileno()).st_ino


def follow(folder: Path, files: list[str], wanted: Wanted) -> Iterator[Line]:
    """Wanted lines as they are written, until interrupted."""
    followed = [Followed(folder, file) for file in files]
    while True:
        new = sorted((line for each in followed for line in each.new() if wanted(line)), key=lambda line: line.at)
        yield from new
        if not new:
            time.sleep(LOOK_SECONDS)
