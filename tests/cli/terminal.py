"""The console script as a person meets it: as a process, piped or on a real terminal of 80 columns."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from typing import Self

IteiraProcess = subprocess.CompletedProcess[str]


def iteira(*arguments: str, **environment: str) -> IteiraProcess:
    """Run `iteira` with its output piped and nobody at the keyboard."""
    return subprocess.run(
        [sys.executable, "-m", "iteira_cli", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=os.environ | environment,
        timeout=60,
    )


def iteira_on_terminal(*arguments: str, types: str = "", columns: int = 80, **environment: str) -> IteiraProcess:
    """Run `iteira` on a terminal; `types` is what the person types. What the screen got is `stdout`, with its
    colours; `plain` is without them.
    """
    screen, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "iteira_cli", *arguments],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=os.environ | {"TERM": "xterm-256color"} | environment,
    )
    os.close(inside)
    os.write(screen, types.encode())
    shown = bytearray()
    try:
        while part := os.read(screen, 65_536):
            shown += part
    except OSError:
        pass  # Linux reports the end of a terminal as an input/output error.
    finally:
        os.close(screen)
    return subprocess.CompletedProcess(process.args, process.wait(timeout=60), shown.decode(), "")


class LiveTerminal:
    """`iteira` on a terminal that stays open: `type` keys, wait for what it `shows`."""

    def __init__(self, *arguments: str, columns: int = 80, lines: int = 24, **environment: str) -> None:
        self._screen, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "iteira_cli", *arguments],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=os.environ | {"TERM": "xterm-256color"} | environment,
        )
        os.close(inside)
        self._seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._screen)

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def shows(self, words: str, within: float = 30.0) -> str:
        """All that the screen got since the last call, as soon as `words` are among it; colours are left in."""
        deadline = time.monotonic() + within
        while words not in plain(self._seen):
            left = deadline - time.monotonic()
            assert left > 0, f"{words!r} was never shown: {plain(self._seen)}"
            if select.select([self._screen], [], [], left)[0]:
                self._seen += os.read(self._screen, 65_536).decode(errors="ignore")
        seen, self._seen = self._seen, ""
        return seen

    def ends(self) -> int:
        """The exit code, once it has ended by itself."""
        deadline = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it has not ended: {plain(self._seen)}"
            if select.select([self._screen], [], [], 0.05)[0]:
                with suppress(OSError):  # Linux reports the end of a terminal as an input/output error.
                    self._seen += os.read(self._screen, 65_536).decode(errors="ignore")
        return self.process.wait()


def plain(shown: str) -> str:
    """What a person sees of it: the text without the codes for colour and weight."""
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)
