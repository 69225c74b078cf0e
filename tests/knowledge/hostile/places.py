"""Names in the folder behind which no file of it stands."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def a_link_that_leads_out(path: Path) -> None:
    path.symlink_to(path.parents[1] / "outside.txt")


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
