"""Where the daemon's log goes: lines to read on stderr, one JSON object a line into two files.

`talkme_integration.log` tells of messages, turns and everything that goes wrong, `api.log` of HTTP requests. A line
names its message (`turn`) and session by their ids. Names, tokens and keys are never logged, long numbers are masked,
and callers' words are logged only where `logging.texts` asks for it. Whatever stands in a line, it stays one line.
"""

from __future__ import annotations

import atexit
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from pathlib import Path
from typing import Any, cast

import orjson

from server.errors import SettingsError
from server.observability.about import bound, masked, on_one_line
from server.observability.gathering import Gathering, Together
from server.observability.rotation import RotatingFile

INTEGRATION, API = "talkme_integration.log", "api.log"
ABOUT_HTTP = ("api", "uvicorn")
"""Loggers that write into `api.log`."""
FILE_SIZE = 10_000_000
"""Bytes after which a file is set aside."""
FILES_KEPT = 14
"""Files set aside that are kept: at most 150 MB each log, and two weeks where there is less to tell."""
QUIET = {
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "openai": logging.WARNING,
    "pymorphy3": logging.WARNING,
    "asyncio": logging.WARNING,
}
"""Libraries whose everyday news would drown ours, and would name addresses and bodies."""


class JsonLines(logging.Formatter):
    """`{"at", "level", "logger", "pid", "session"?, "turn"?, "message", "error"?}`; `at` is UTC."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            **getattr(record, "about", {}),
            "message": getattr(record, "shown", ""),
        }
        if record.exc_text:
            line["error"] = record.exc_text
        return orjson.dumps(line).decode()


def _without_words(error: BaseException | None) -> str:
    """Where it happened and of which kind it is, its causes first. What it says may be what a caller has said."""
    told: list[str] = []
    while error is not None:
        told.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
        error = error.__cause__ or error.__context__
    return "\n".join(reversed(told))


class _OffTheLoop(QueueHandler):
    """Hands records to another thread, with what only this one knows."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        if record.exc_info and not record.exc_text:
            in_a_turn, error = "turn" in bound(), record.exc_info[1]
            told = _without_words(error) if in_a_turn else logging.Formatter().formatException(record.exc_info)
            # What an exception says may be anybody's words: its lines are set in, so that none looks like ours.
            record.exc_text = "\n".join("  " + on_one_line(masked(line)) for line in told.split("\n"))
        record.exc_info = None
        record.about = bound()
        return record


def _make_fit(record: logging.LogRecord) -> None:
    """What may be shown of the line. In the other thread, many at a time: where a line is logged, each would have to
    find all that this takes anew."""
    record.shown = on_one_line(masked(record.getMessage()))


def _file(path: Path, belongs: Callable[[logging.LogRecord], bool]) -> RotatingFile:
    handler = RotatingFile(path, size=FILE_SIZE, kept=FILES_KEPT)
    handler.setFormatter(JsonLines())
    handler.addFilter(belongs)
    return handler


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

    Lines are appended whole, so several worker processes write into the same files. Raises `SettingsError` if the
    directory cannot be written to.
    """
    console = Together()
    console.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(shown)s", "%H:%M:%S"))
    console.addFilter(lambda record: record.name != "api")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        integration = _file(directory / INTEGRATION, lambda record: not record.name.startswith(ABOUT_HTTP))
        api = _file(directory / API, lambda record: record.name.startswith(ABOUT_HTTP))
    except OSError as error:
        raise SettingsError(
            f"logging.dir = {str(directory)!r}: {error.strerror}; make it writable or choose another"
        ) from None
    # Nothing of it is shown, and finding it out for each line costs as much as the line (`logging`, «Optimization»).
    logging.logThreads = logging.logMultiprocessing = False
    vars(logging)["_srcfile"] = None  # nor where in the source it was logged
    gathering = Gathering(_make_fit, console, integration, api)
    gathering.start()

    def end() -> None:
        gathering.stop()
        for file in (integration, api):
            file.close()

    stop = _Once(end)
    atexit.register(stop)
    handler = _OffTheLoop(cast(Any, gathering))  # which is as much of a queue as it needs
    handler.setLevel(level)  # libraries that set a lower level on loggers of their own are not heard either
    logging.basicConfig(level=level, handlers=[handler], force=True)
    uvicorn = logging.getLogger("uvicorn")
    uvicorn.handlers.clear()  # of its own configuration, where a program of this process has used it
    uvicorn.propagate = True
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    return stop
