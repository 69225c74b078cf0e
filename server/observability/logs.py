"""Where the daemon's log goes: lines to read on stderr, one JSON object a line into the file.

Callers' words, names, phones and tokens are never logged; a message is named by its id.
"""

from __future__ import annotations

import atexit
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from queue import SimpleQueue

from server.errors import SettingsError

FILE = "talkme_integration.log"
QUIET = {
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "openai": logging.WARNING,
    "pymorphy3": logging.WARNING,
    "asyncio": logging.WARNING,
}
"""Libraries whose everyday news would drown ours, and would name addresses and bodies."""


class JsonLines(logging.Formatter):
    """`{"at", "level", "logger", "pid", "message", "error"?}`; `at` is UTC."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_text:
            line["error"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


class _OffTheLoop(QueueHandler):
    """Hands records to another thread, with what only this one knows."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        return record


class _Once:
    """Calls a function the first time that it is called itself."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def __call__(self) -> None:
        function, self._function = self._function, None
        if function:
            function()


def configure(directory: Path, level: str) -> Callable[[], None]:
    """Set up the logging of this process; what is returned writes out what is left, and ends it.

    Lines are appended whole, so several worker processes write into one file. Raises `SettingsError` if the directory
    cannot be written to.
    """
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(directory / FILE, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"logging.dir = {str(directory)!r}: {error.strerror}; make it writable or choose another"
        ) from None
    file.setFormatter(JsonLines())
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    listener = QueueListener(records, console, file)
    listener.start()
    stop = _Once(listener.stop)
    atexit.register(stop)
    handler = _OffTheLoop(records)
    handler.setLevel(level)  # libraries that set a lower level on loggers of their own are not heard either
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    return stop
