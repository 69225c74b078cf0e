"""Processes that were started together, as the system sees them."""

from __future__ import annotations

import subprocess


def processes() -> list[tuple[int, int, int, str]]:
    """Process id, parent, process group and state of every process."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    fields = (line.split() for line in table.splitlines())
    return [(int(pid), int(parent), int(group), state) for pid, parent, group, state in fields]


def process_groups(started_by: int) -> set[int]:
    """Groups of those that a process started, beside its own."""
    return {group for pid, parent, group, _ in processes() if parent == started_by and group == pid}


def alive(groups: set[int]) -> list[int]:
    """The processes of these groups that run. Who has ended and was not yet asked how is none of them."""
    return [pid for pid, _, group, state in processes() if group in groups and not state.startswith("Z")]
