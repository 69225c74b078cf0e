"""Connections that the system holds until the process takes them: all that wait are taken together.

libuv, on which uvloop stands, takes one in each turn of the event loop. Turns are long when there is much to do: who
opens a connection then would wait here for many seconds, unseen, while those who keep theirs are served at once.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import uvicorn
from uvicorn.supervisors.multiprocess import Process

AT_ONCE = 64
"""Connections taken in one turn: bounds how long those who are being served wait for those who come."""
TURNED_AWAY = 0.2
"""Seconds that someone who comes in while the process stops has to ask what he came for."""


class Server(uvicorn.Server):
    """uvicorn's, which lets nobody wait in the accept queue. It looks there when uvicorn does, for what that leaves."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._taken: set[asyncio.Task[None]] = set()
        self._queues = [each.dup() for each in sockets or []]
        for queue in self._queues:
            asyncio.get_running_loop().add_reader(queue, self._take, queue)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for queue in self._queues:
            asyncio.get_running_loop().remove_reader(queue)
            queue.close()
        await asyncio.gather(*self._taken)  # uvicorn closes the connections that it knows of
        turning_away = asyncio.create_task(self._turn_away())
        try:
            await super().shutdown(sockets)
        finally:
            turning_away.cancel()

    async def _turn_away(self) -> None:
        """uvicorn tells those who are connected once that this is the end. Who was just coming in does not hear of it,
        and would keep the process for as long as he goes on asking."""
        while True:
            await asyncio.sleep(TURNED_AWAY)
            for connection in tuple(self.server_state.connections):
                connection.shutdown()

    def _take(self, queue: socket.socket) -> None:
        with suppress(OSError):  # nobody waits any more, or the system gives us no more files: uvicorn sees to that
            for _ in range(AT_ONCE):
                connection, _ = queue.accept()
                task = asyncio.create_task(self._serve_connection(connection))
                self._taken.add(task)
                task.add_done_callback(self._taken.discard)

    async def _serve_connection(self, connection: socket.socket) -> None:
        protocol, state, app_state = self.config.http_protocol_class, self.server_state, self.lifespan.state
        with suppress(OSError):  # whoever it was has gone
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol(config=self.config, server_state=state, app_state=app_state),  # type: ignore[call-arg]
                connection,
            )


class WorkerProcess(Process):
    """One of uvicorn's worker processes, with such a server."""

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = Server(self.config)
        assert isinstance(self._server, Server)
        return self._server
