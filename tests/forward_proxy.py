"""A real HTTP proxy, as companies have one between their servers and the internet (RFC 9110, 7.7 and 9.3.6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 65_536


class ForwardProxy:
    """Knows the way to `hosts` alone, names that nobody else knows: each is a port of this machine."""

    def __init__(self, hosts: Mapping[str, int]) -> None:
        self._hosts = hosts
        self.asked: list[tuple[str, str]] = []
        """Method and host of what it was asked for; all that it sees of a tunnel."""
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, rest = head.decode().split(" ", 2)
                host = target.partition(":")[0] if method == "CONNECT" else urlsplit(target).hostname or ""
                self.asked.append((method, host))
                upstream = await asyncio.open_connection("127.0.0.1", self._hosts[host])
                if method == "CONNECT":
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:  # one request a connection is enough for a test
                    path = urlsplit(target).path
                    upstream[1].write(f"{method} {path} {rest}".replace("keep-alive", "close").encode())
                await asyncio.gather(_pump(reader, upstream[1]), _pump(upstream[0], writer))
        finally:
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    sink.close()


@asynccontextmanager
async def forward_proxy(**hosts: int) -> AsyncIterator[ForwardProxy]:
    """Names are written with `_` for the dot: `talkme_example=5001`."""
    proxy = ForwardProxy({name.replace("_", "."): port for name, port in hosts.items()})
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield proxy
