"""Where a mock TalkMe answers: whether one does, and the place for one of our own."""

from __future__ import annotations

import errno
import os
import socket

from iteira_cli.errors import CliError, Failed, Usage
from iteira_cli.loopback import is_loopback
from iteira_cli.options import address

DEFAULT_PORT = 5001
PROBE_TIMEOUT = 5.0
"""Seconds that whoever is at an address has to show that it is there."""


def answers(url: str) -> bool:
    """Whether a mock TalkMe answers at the base URL."""
    import httpx

    from mock_server.calls import SERVICE

    try:
        # A proxy of the environment must not stand between this program and its neighbours.
        health = httpx.get(f"{url.rstrip('/')}/health", timeout=PROBE_TIMEOUT, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(health, dict) and health.get("service") == SERVICE


def base_url(option: str, url: str) -> str:
    """Without a slash at its end. Raises `Usage`."""
    import httpx

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host or (parsed.port or 80) > 65535:
        raise Usage(f"{option} {url}: a base URL such as http://127.0.0.1:8000 is expected")
    return url.rstrip("/")


def reason(error: OSError) -> str:
    """Why a socket could not be had, without the details that Python adds."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def at_mock(url: str) -> list[str]:
    """The option by which `simulate-call` finds the mock at `url`; none is needed for the default."""
    return [] if url == address("127.0.0.1", DEFAULT_PORT) else ["--mock", url]


def cannot_listen(error: OSError, host: str, port: int, option: str = "--port") -> CliError:
    """What to say when the mock cannot have its port; `option` is where another one is named."""
    if error.errno != errno.EADDRINUSE:
        return Failed(f"cannot listen on {host}:{port}: {reason(error)}", f"choose another --host or {option}")
    if answers(address(host, port)):
        return Failed(f"a mock TalkMe already runs on {host}:{port}; use it, stop it, or choose another {option}")
    return Failed(
        f"port {port} of {host} is taken by another program (`ss -ltnp` lists them); stop it or choose another {option}"
    )


def listen_as_mock(url: str) -> socket.socket:
    """A socket for a mock of our own. Raises `Failed` where it cannot be had."""
    import httpx

    from mock_server.serving import listen

    place = httpx.URL(url)
    if not is_loopback(place.host):
        raise Failed(f"no mock TalkMe answers at {url}", "start `iteira mock` there, or name another with --mock")
    try:
        return listen(place.host, place.port or 80)
    except OSError as error:
        raise Failed(
            f"no mock TalkMe answers at {url}, and none can be started there: {reason(error)}",
            "name a mock, or a free port of this machine, with --mock",
        ) from None
