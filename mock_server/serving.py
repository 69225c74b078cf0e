"""The mock on a socket: as a program of its own, or inside another program for a while."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mock_server.faulty_talkme import HANG_UP


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on, though nobody answers yet. Raises `OSError`."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address[:2], family=family)


class Connection(HttpToolsProtocol):
    """uvicorn's, but an application can hang up."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {HANG_UP: self.transport.close}  # type: ignore[dict-item]  # an ASGI extension is any value


class Server(uvicorn.Server):
    """uvicorn, but long polls do not hold up its end."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            log_config=None,  # the loggers are those of the whole program, which may be another's
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
        )
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.calls.close()
        await self._app.state.speaker.close()
        await super().shutdown(sockets)


@asynccontextmanager
async def running(app: FastAPI, sock: socket.socket) -> AsyncIterator[None]:
    """Serve `app` on `sock` in this event loop for the length of the block."""
    server = Server(app)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
