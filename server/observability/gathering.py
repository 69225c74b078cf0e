"""Log lines written together: a thread that is woken for each line takes the interpreter from the callers each time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TextIO

GATHER_SECONDS = 0.1
"""How long lines wait for others. A warning does not: it may be the last thing that is said."""


class Together(logging.StreamHandler[TextIO]):
    """A handler that writes several records at once."""

    def emit_all(self, records: Sequence[logging.LogRecord]) -> None:
        """Those that pass its filters. As `logging` does: what cannot be logged must not break what goes on."""
        try:
            self.write_all(records)
        except Exception:
            self.handleError(records[-1])

    def write_all(self, records: Sequence[logging.LogRecord]) -> None:
        """In one write; raises whatever goes wrong with it."""
        lines = [self.format(record) + self.terminator for record in records if self.filter(record)]
        if lines:
            self.stream.write("".join(lines))
            self.flush()


class Gathering:
    """Takes records from any thread and gives them to the handlers in a thread of its own, where `prepare` makes them
    ready."""

    def __init__(self, prepare: Callable[[logging.LogRecord], None], *handlers: Together) -> None:
        self._prepare, self._handlers = prepare, handlers
        self._records: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put_nowait(self, record: logging.LogRecord) -> None:
        self._records.put(record)
        if record.levelno >= logging.WARNING:
            self._hurry.set()

    def stop(self) -> None:
        """Write what is left, then end."""
        self._records.put(None)
        self._hurry.set()
        self._thread.join()

    def _serve(self) -> None:
        record = self._records.get()
        while record is not None:
            self._hurry.wait(GATHER_SECONDS)
            self._hurry.clear()
            gathered = [record, *self._waiting()]
            records = [each for each in gathered if each is not None and self._is_ready(each)]
            for handler in self._handlers if records else ():
                handler.emit_all(records)
            record = self._records.get() if None not in gathered else None

    def _is_ready(self, record: logging.LogRecord) -> bool:
        try:
            self._prepare(record)
            return True
        except Exception:  # a line that does not fit its words must not end all others
            self._handlers[0].handleError(record)
            return False

    def _waiting(self) -> list[logging.LogRecord | None]:
        found: list[logging.LogRecord | None] = []
        try:
            while True:
                found.append(self._records.get_nowait())
        except Empty:
            return found
