"""The daemon's code while someone works on it: told when it changes, and whether it can be imported."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread

DATA = (".md", ".txt", ".lua")
"""What the daemon reads of its own beside Python."""


def checkout() -> Path | None:
    """The folder of the daemon's code; None where it is installed, and nobody changes it."""
    found = find_spec("server")
    folder = Path(found.origin).parent if found and found.origin else None
    return folder if folder and (folder.parent / "pyproject.toml").is_file() else None


def flaw() -> str | None:
    """What keeps the daemon's code from being imported, in one line; None if nothing does."""
    tried = subprocess.run([sys.executable, "-c", "import server.app"], capture_output=True, text=True, check=False)
    lines = tried.stderr.strip().splitlines() or [f"Python ended with {tried.returncode}"]
    return " in".join([lines[-1], *_place(lines)]) if tried.returncode else None


def _place(lines: list[str]) -> list[str]:
    """The last of the traceback's places."""
    return [line.strip().removeprefix("File") for line in lines if line.strip().startswith("File ")][-1:]


class SourceFiles:
    """Watches `folder` from a thread of its own until it is closed; a daemon's code that is installed is None."""

    def __init__(self, folder: Path | None) -> None:
        self._changed, self._closed = Event(), Event()
        if folder:
            Thread(target=self._watch, args=(folder,), name="source files", daemon=True).start()

    def changed(self) -> bool:
        """Whether anything was since it was asked last."""
        seen = self._changed.is_set()
        self._changed.clear()
        return seen

    def close(self) -> None:
        self._closed.set()

    def _watch(self, folder: Path) -> None:
        from watchfiles import PythonFilter, watch

        for _ in watch(folder, watch_filter=PythonFilter(extra_extensions=DATA), stop_event=self._closed):
            self._changed.set()
