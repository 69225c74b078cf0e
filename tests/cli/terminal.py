"""The console script as a person meets it: as a process, piped or on a real terminal of 80 columns."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

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


def plain(shown: str) -> str:
    """What a person sees of it: the text without the codes for colour and weight."""
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)
