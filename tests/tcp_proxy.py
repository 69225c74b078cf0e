"""A way between two programs that a test can break: a TCP proxy that spreads connections over several servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536


class TcpProxy:
    """Each connection goes to the next server that takes it, in turn."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = 0
        self.swallow = 0
        """Answers to swallow: the server has done what it was asked for, and the connection breaks instead."""
        self._ports = list(ports)
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            with suppress(OSError):
                await self._pass_on(reader, writer)
        finally:
            await _closed(writer)
            self._connections.discard(task)

    async def close(self) -> None:
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await self._connected()
        ways = [
            asyncio.create_task(self._pump(reader, upstream_writer, answers=False)),
            asyncio.create_task(self._pump(upstream_reader, writer, answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await _closed(upstream_writer)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self._ports:
            self._ports.append(port := self._ports.pop(0))
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        raise ConnectionRefusedError("no server takes the connection")

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        while data := await source.read(CHUNK):
            if answers and self.swallow:
                self.swallow -= 1
                return
            sink.write(data)
            await sink.drain()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def tcp_proxy(*ports: int) -> AsyncIterator[TcpProxy]:
    """A proxy on a port of its own before servers on these ports of 127.0.0.1."""
    proxy = TcpProxy(ports)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
