"""Whether a folder can be used."""

from __future__ import annotations

import os
from pathlib import Path


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def writable(folder: Path) -> bool:
    """Whether files can be made in it, or it can be made where it does not exist yet."""
    there = existing(folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
