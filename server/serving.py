"""The daemon on a socket: one process, or several that share it under uvicorn's supervisor."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import time
from collections.abc import Callable
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from server.app import create_app, open_library, open_store
from server.clock import SystemClock
from server.errors import SettingsError
from server.knowledge.base import KnowledgeStatus
from server.observability import logs
from server.settings import Settings

BACKLOG = 2048
"""Connections that may wait to be taken while a burst of calls comes in."""
KEEP_ALIVE = 75
"""Seconds; longer than the minute for which proxies keep a connection, so that they never use one that is closing."""


def listen(host: str, port: int) -> socket.socket:
    """The socket that callers will reach. Raises `SettingsError` if it is not to be had, with what to do about it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        said = (error.strerror or str(error)).partition(" (while")[0]
        advice = {
            errno.EADDRINUSE: "stop the program that does (`ss -ltnp` lists them), or choose another --port (server.port)",
            errno.EACCES: "choose a --port (server.port) above 1023: those below are the system's",
        }.get(error.errno or 0, "choose a --host (server.host) that is an address of this machine, such as 127.0.0.1")
        raise SettingsError(f"cannot listen on {host}:{port}: {said}; {advice}") from None


def prepare(settings: Settings, progress: Callable[[int, int], None]) -> KnowledgeStatus:
    """Do once what every worker process would otherwise do at its start: make or migrate the store, build the index.

    Raises `StoreError`, `KnowledgeError` or `SettingsError` with what to do.
    """
    clock = SystemClock()

    async def try_store() -> None:
        store = open_store(settings, clock)
        await store.open()
        await store.close()

    asyncio.run(try_store())
    return open_library(settings, clock, progress).open()


def run(settings: Settings, sock: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    logs.configure(settings.logging.dir, settings.logging.level)
    config = uvicorn.Config(
        partial(_worker, settings),  # made anew in each process: workers share the socket and the store, nothing else
        factory=True,
        workers=settings.server.workers,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # who calls is decided by the administration's own rule
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(settings.server.shutdown_grace),
        ws="none",
    )
    sock.set_inheritable(True)
    if settings.server.workers > 1:
        Supervisor(config, [sock]).run()
    else:
        uvicorn.Server(config).run([sock])


class Supervisor(Multiprocess):
    """uvicorn's supervisor, but a second signal while the workers are stopping ends them at once."""

    def join_all(self) -> None:
        self.signal_queue.clear()
        while any(process.process.is_alive() for process in self.processes):
            if signal.SIGTERM in self.signal_queue or signal.SIGINT in self.signal_queue:
                for process in self.processes:
                    process.process.kill()
            time.sleep(0.05)


def _worker(settings: Settings) -> FastAPI:
    logs.configure(settings.logging.dir, settings.logging.level)
    return create_app(settings)
