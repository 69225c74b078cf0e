"""Single keys of the person at the terminal, as they are pressed."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Self

NAMES = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down", b"\r": "enter", b"\n": "enter"}
GONE = "gone"
"""Told when the terminal has been closed."""


class Keyboard:
    """Between `with` and its end keys are not shown and need no Enter; Ctrl-C still interrupts."""

    def __enter__(self) -> Self:
        self._fd = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def key(self, within: float) -> str | None:
        """The next key, by its letter or its name in `NAMES`; None if there is none within so many seconds."""
        ready, _, _ = select.select([self._fd], [], [], within)
        if not ready:
            return None
        pressed = os.read(self._fd, 1)
        if pressed == b"\x1b" and select.select([self._fd], [], [], 0)[0]:
            pressed += os.read(self._fd, 2)
        return NAMES.get(pressed, pressed.decode(errors="ignore")) if pressed else GONE
