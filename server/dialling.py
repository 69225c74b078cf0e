"""How a connection to a service is made: straight, or through the proxy that the process was given."""

from __future__ import annotations

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from aiohappyeyeballs import start_connection

from server.errors import SettingsError

P = TypeVar("P", bound=asyncio.Protocol)
PORTS = {"http": 80, "https": 443}
NEXT_ADDRESS = 0.25
"""Seconds after which a host's next address is tried beside the one before (RFC 8305, 5)."""
HEAD = 65_536
"""Bytes of what a proxy may say before it connects us."""


class Way:
    """The way to the service at an address. The proxy is that of the process's environment when this is made."""

    def __init__(self, base_url: str) -> None:
        """Raises `SettingsError` for what is no address, and for a proxy that is not spoken to in plain HTTP."""
        if not _is_address(base_url):
            raise SettingsError(f"{base_url}: an address like https://api.example.com/v1/ is expected")
        self._to, proxy = urlsplit(base_url), proxy_for(base_url)
        proxy = proxy if not proxy or "://" in proxy else f"http://{proxy}"
        if proxy and not (proxy.startswith("http://") and _is_address(proxy)):
            raise SettingsError(f"the proxy for {self._to.scheme}: an address like http://proxy:3128 is expected")
        self._through = urlsplit(proxy) if proxy else None
        self._secure = _trusting() if self._to.scheme == "https" else None

    def target(self, path: str) -> str:
        """What a request names (RFC 9112, 3.2): to a proxy that reads it, the whole address."""
        whole = self._through and not self._secure
        return f"{self._to.scheme}://{self.host}{self._to.path}{path}" if whole else f"{self._to.path}{path}"

    @property
    def host(self) -> str:
        """With its port, unless that is the usual one."""
        return self._to.netloc.rpartition("@")[2]

    @property
    def identity(self) -> dict[str, str]:
        """Headers by which the proxy knows us, where it reads the request."""
        return _identity(self._through) if self._through and not self._secure else {}

    async def go(self, protocol: Callable[[], P]) -> P:
        """A connection. Raises `OSError`."""
        sock = await _connected(self._through or self._to)
        if self._through and self._secure:
            host = self._to.hostname or ""
            to = f"{f'[{host}]' if ':' in host else host}:{_port(self._to)}"
            try:
                await _tunnel(sock, to, _identity(self._through))
            except BaseException:
                sock.close()
                raise
        name = self._to.hostname if self._secure else None
        loop = asyncio.get_running_loop()
        # From here on the socket is the event loop's, whatever becomes of the handshake.
        return (await loop.create_connection(protocol, sock=sock, ssl=self._secure, server_hostname=name))[1]


def proxy_for(url: str) -> str | None:
    """The proxy that the process was given for this address."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


@cache
def _trusting() -> ssl.SSLContext:
    """Of the authorities that the system knows, or `SSL_CERT_FILE` names. Made once: they are many."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.hostname.encode("idna") and parts.port != 0)
    except ValueError:  # a port that is none, a host that cannot be asked for
        return False


def _port(address: SplitResult) -> int:
    return address.port or PORTS.get(address.scheme, 80)


def _identity(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    known = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(known.encode()).decode()}"}


async def _connected(address: SplitResult) -> socket.socket:
    """To the host's first address that takes it, IPv6 and IPv4 beside each other."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.hostname, _port(address), type=socket.SOCK_STREAM)
    sock = await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS, interleave=1, loop=loop)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def _tunnel(sock: socket.socket, to: str, identity: dict[str, str]) -> None:
    """Have the proxy connect us (RFC 9110, 9.3.6). Raises `ConnectionError` where it does not."""
    loop = asyncio.get_running_loop()
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}", *(f"{name}: {value}" for name, value in identity.items())]
    await loop.sock_sendall(sock, ("\r\n".join(lines) + "\r\n\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        data = await loop.sock_recv(sock, HEAD)
        head += data
        if not data or len(head) > HEAD:
            raise ConnectionError("the proxy does not connect us: it has answered something else")
    status = b"".join(head.split(b"\r\n", 1)[0].split(b" ", 2)[1:2])
    if not status.startswith(b"2"):
        raise ConnectionError(f"the proxy does not connect us: it answers {status.decode('latin-1')}")
