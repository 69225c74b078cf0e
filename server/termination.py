"""What happens between SIGTERM and the end: first politely, the second time at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def on_termination(callback: Callable[[], None]) -> Iterator[None]:
    """Call `callback` at the first SIGTERM or SIGINT, before the handler that was there; end the process at the second.

    An end at once loses nothing: it is what the inbox and the leases are made for. Outside the main thread, where
    Python knows no signals, nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    called = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal called
        if called:
            os._exit(128 + number)
        called = True
        callback()
        polite = before[signal.Signals(number)]
        if callable(polite):
            polite(number, frame)

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
