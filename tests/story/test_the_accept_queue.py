"""Whoever opens a connection while the process is busy does not wait behind its turns of the event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import uvicorn
import uvloop

from server.accept_queue import Server
from server.connections import Connection
from server.serving import listen
from tests.polling import eventually

CALLERS = 50
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def says_ok(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def test_all_who_wait_for_a_connection_get_it_together_and_lose_it_when_the_server_stops() -> None:
    async def scenario() -> None:
        sock = listen("127.0.0.1", 0)
        server = Server(uvicorn.Config(says_ok, http=Connection, lifespan="off", log_config=None, ws="none"))
        serving = asyncio.create_task(server.serve([sock]))
        await eventually(lambda: server.started)
        with ExitStack() as stack:
            # Nothing else runs meanwhile: all of them are in the system's queue.
            callers = [
                stack.enter_context(socket.create_connection(("127.0.0.1", sock.getsockname()[1])))
                for _ in range(CALLERS)
            ]
            for caller in callers:
                caller.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            for _ in range(5):
                await asyncio.sleep(0)
            taken = len(server.server_state.connections)
            for caller in callers:
                caller.setblocking(False)
                answer = await asyncio.get_running_loop().sock_recv(caller, 4096)
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert answer.endswith(b"ok")
            server.should_exit = True
            await serving
            assert taken == CALLERS, "in a few turns of the event loop"
            for caller in callers:
                assert await asyncio.get_running_loop().sock_recv(caller, 4096) == b""

    uvloop.run(scenario())


def test_who_was_just_coming_in_when_the_server_stopped_is_answered_and_does_not_hold_it_up() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        sock = listen("127.0.0.1", 0)
        config = uvicorn.Config(
            says_ok, http=Connection, lifespan="off", log_config=None, ws="none", timeout_keep_alive=60
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve([sock]))
        await eventually(lambda: server.started)
        server.should_exit = True
        await eventually(lambda: sock.fileno() < 0)  # uvicorn has told everybody that it is the end
        late, caller = socket.socketpair()
        with caller:
            caller.setblocking(False)
            await loop.connect_accepted_socket(
                lambda: Connection(config=config, server_state=server.server_state, app_state={}), late
            )
            await loop.sock_sendall(caller, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await loop.sock_recv(caller, 4096)).startswith(b"HTTP/1.1 200 ")
            async with asyncio.timeout(10):
                await serving

    uvloop.run(scenario())
