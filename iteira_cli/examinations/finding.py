"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`status`: `ok`; `warning`, it works but hardly as meant; `failed`, it does not work; `skipped`, not looked at.

    `mend` is the command or setting that mends it.
    """

    name: str
    status: Literal["ok", "warning", "failed", "skipped"]
    detail: str
    mend: str | None = None


def ok(name: str, detail: str) -> Finding:
    return Finding(name, "ok", detail)


def failed(name: str, detail: str, mend: str) -> Finding:
    return Finding(name, "failed", detail, mend)


def warning(name: str, detail: str, mend: str) -> Finding:
    return Finding(name, "warning", detail, mend)


def skipped(name: str, detail: str) -> Finding:
    return Finding(name, "skipped", detail)
