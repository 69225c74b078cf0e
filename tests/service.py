"""A service that we call, written by its bytes, and the calls that are made of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from server.outgoing import Outgoing

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Service:
    """Answers the requests on each connection with `answers`, one after the other, the last one again and again; None
    closes the connection."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.url, self.connections, self.requests = "", 0, list[bytes]()
        self.answer: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
        """Instead of `answers`."""
        self.served = set[asyncio.Task[None]]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self.served.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
                self.requests.append(head + await reader.readexactly(int(length.partition(b":")[2])))
                await self._reply(writer)

    async def _reply(self, writer: asyncio.StreamWriter) -> None:
        if self.answer:
            await self.answer(writer)
            return
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            writer.close()
        else:
            writer.write(answer)
            await writer.drain()


@asynccontextmanager
async def service(*answers: bytes | None) -> AsyncIterator[Service]:
    told = Service(*answers)
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
    told.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield told
    finally:
        server.close()
        for each in told.served:
            each.cancel()
        await asyncio.gather(*told.served, return_exceptions=True)


@asynccontextmanager
async def calling(
    *answers: bytes | None, connections: int = 10, keep_alive: float = 30, together: float = 0
) -> AsyncIterator[tuple[Outgoing, Service]]:
    async with service(*answers) as told:
        outgoing = Outgoing(told.url, connections, keep_alive=keep_alive, together=together)
        try:
            yield outgoing, told
        finally:
            await outgoing.close()


async def body(outgoing: Outgoing, request: bytes = b"{}") -> bytes:
    async with outgoing.post("send", request) as answer:
        found = b""
        while piece := await answer.piece():
            found += piece
        return found
