"""Ports for servers that a test starts, so that test processes beside each other do not take them from each other."""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import suppress

FIRST, EACH = 10_000, 1_500
"""Below the ports that systems give to outgoing connections; so many for each test process."""

_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 6
_next = itertools.cycle(range(FIRST + EACH * _process, FIRST + EACH * (_process + 1)))


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, and which no test has had lately."""
    for port in itertools.islice(_next, EACH):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")
