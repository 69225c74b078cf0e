"""CPU and memory of processes on this machine, read from /proc (Linux; elsewhere there are no figures)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Consumption:
    """Of several processes together: CPU seconds since they began, and bytes in memory now."""

    cpu: float
    memory: int


def consumption(pids: Iterable[int], proc: Path = PROC) -> Consumption | None:
    """Of the processes and all their descendants; None where none of them can be seen."""
    parents = _parents(proc)
    family = set(pids) & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    seen = [found for pid in family if (found := _one(pid, proc))]
    if not seen:
        return None
    return Consumption(sum(one.cpu for one in seen), sum(one.memory for one in seen))


def _parents(proc: Path) -> dict[int, int]:
    """The parent of every process."""
    if not proc.is_dir():
        return {}
    return {
        int(folder.name): int(fields[1])
        for folder in proc.iterdir()
        if folder.name.isdigit() and (fields := _fields(folder))
    }


def _one(pid: int, proc: Path) -> Consumption | None:
    fields = _fields(proc / str(pid))
    if not fields:
        return None
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return Consumption((int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * page)


def _fields(folder: Path) -> list[str]:
    """What follows the command's name in `stat`, which may hold anything; nothing if the process has ended."""
    try:
        return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
