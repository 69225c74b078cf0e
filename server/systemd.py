"""What a service manager is told: `sd_notify` of systemd, one datagram a message.

The protocol is that of sd_notify(3). The packages that speak it are a binding to libsystemd, which needs its headers
to be installed, or have not been kept for years.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

FIRST_DESCRIPTOR = 3
"""Of the sockets that are passed on: sd_listen_fds(3)."""


def passed_socket(environment: Mapping[str, str], pid: int) -> int | None:
    """The file descriptor of a listening socket that was passed to process `pid`; None if it has to make its own."""
    if environment.get("LISTEN_PID") == str(pid) and environment.get("LISTEN_FDS") == "1":
        return FIRST_DESCRIPTOR
    return None


class ServiceManager:
    """Hears that the daemon is ready, lives (the watchdog of `WatchdogSec=`) and stops."""

    def __init__(self, address: str | None) -> None:
        """`address`: that of `NOTIFY_SOCKET`, where `@` begins an abstract name; None where nobody wants to know."""
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._serves = self._heard = False

    def ready(self) -> None:
        self._serves = True
        self.alive()

    def alive(self) -> None:
        """Before it serves nobody asks for it; a first word that was not taken is said again."""
        if self._serves and not self._heard:
            self._heard = self._tell("READY=1\nSTATUS=serving")
        elif self._serves:
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        self._tell("STOPPING=1\nSTATUS=finishing the turns under way")

    def still_starting(self, seconds: int, what: str) -> None:
        """The start takes `seconds` more at most; `what` is shown by `systemctl status`."""
        self._tell(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000}\nSTATUS={what}")

    def _tell(self, message: str) -> bool:
        """Whether it was taken: the manager may be gone, or have its queue full. It must not hold the daemon up."""
        if self._address is None:
            return True
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            try:
                sock.sendto(message.encode(), self._address)
            except OSError:
                return False
        return True
