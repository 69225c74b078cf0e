"""The code of daemon and mock while someone works on it: told when it changes, and whether it can be imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Lock, Thread

DATA = (".md", ".txt", ".lua")
"""What they read of their own beside Python; of the mock's page every request reads the files as they are."""


def checkout() -> Path | None:
    """The folder in which our packages are; None where they are installed, and nobody changes them."""
    found = find_spec("server")
    folder = Path(found.origin).parents[1] if found and found.origin else None
    return folder if folder and (folder / "pyproject.toml").is_file() else None


def flaw(package: str) -> str | None:
    """What keeps the program in it from being imported, in one line; None if nothing does."""
    program = f"import {package}.app"
    tried = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    lines = tried.stderr.strip().splitlines() or [f"Python ended with {tried.returncode}"]
    return " in".join([lines[-1], *_place(lines)]) if tried.returncode else None


def _place(lines: list[str]) -> list[str]:
    """The last of the traceback's places."""
    return [line.strip().removeprefix("File") for line in lines if line.strip().startswith("File ")][-1:]


class SourceFiles:
    """Watches these packages in `folder` from a thread of its own until it is closed; where there is nothing to watch
    the folder is None."""

    def __init__(self, folder: Path | None, packages: Sequence[str]) -> None:
        self._changed: set[str] = set()
        self._lock, self._closed = Lock(), Event()
        if folder:
            self._folders = {package: (folder / package).resolve() for package in packages}
            Thread(target=self._watch, name="source files", daemon=True).start()

    def changed(self) -> set[str]:
        """The packages in which anything was since it was asked last."""
        with self._lock:
            seen, self._changed = self._changed, set()
        return seen

    def close(self) -> None:
        self._closed.set()

    def _watch(self) -> None:
        from watchfiles import PythonFilter, watch

        wanted = PythonFilter(extra_extensions=DATA)
        for changes in watch(*self._folders.values(), watch_filter=wanted, stop_event=self._closed):
            paths = [Path(path) for _, path in changes]
            with self._lock:
                self._changed |= {
                    package
                    for package, folder in self._folders.items()
                    if any(path.is_relative_to(folder) for path in paths)
                }
