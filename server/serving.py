"""The daemon on a socket: one process, or several that share it under uvicorn's supervisor."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from server.app import create_app, open_library, open_store
from server.clock import SystemClock
from server.connections import Connection
from server.errors import SettingsError
from server.knowledge.base import KnowledgeStatus
from server.observability import logs
from server.settings import Settings

BACKLOG = 2048
"""Connections that may wait to be taken while a burst of calls comes in."""
log = logging.getLogger(__name__)

STARTS_WITHIN = 60.0
"""Seconds that a worker may take until it serves; after them it is asked whether it lives."""
HANGS_AFTER = 10.0
"""Seconds in which a worker must say that it lives: it does so from a thread of its own, however busy it is."""
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
            errno.EADDRINUSE: "stop the program that does (`ss -ltnp` lists it) or choose another --port (server.port)",
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
        try:
            await store.examine()
        finally:
            await store.close()

    asyncio.run(try_store())
    return open_library(settings, clock, progress).open()


def run(settings: Settings, sock: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    if settings.server.workers > 1:  # else the one worker, which is this process, does it
        logs.configure(settings.logging.dir, settings.logging.level)
    config = uvicorn.Config(
        partial(_worker, settings),  # made anew in each process: workers share the socket and the store, nothing else
        factory=True,
        workers=settings.server.workers,
        log_config=None,
        access_log=False,
        http=Connection,
        loop="uvloop",
        proxy_headers=False,  # who calls is decided at our own gate (server.trusted_proxies)
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(settings.server.shutdown_grace),
        ws="none",
    )
    sock.set_inheritable(True)
    _take_files()
    if settings.server.workers > 1:
        Supervisor(config, [sock]).run()
    else:
        uvicorn.Server(config).run([sock])


class Supervisor(Multiprocess):
    """uvicorn's supervisor, with three differences.

    A worker that is still starting is not taken for one that hangs, a dead one is replaced without being asked first
    whether it lives, and a second signal while the workers are stopping ends them at once.
    """

    def keep_subprocess_alive(self) -> None:
        for index, process in enumerate(self.processes):
            alive = process.process.is_alive()
            if process.process.exitcode == STARTUP_FAILURE:
                log.error("a worker could not start; the daemon stops")
                self.should_exit.set()
            elif not alive or (self._has_served(process) and not process.ping(HANGS_AFTER)):
                log.error("worker %s %s; another takes its place", process.pid, "hangs" if alive else "has died")
                process.kill()
                process.join()
                self.processes[index] = Process(self.config, self.sockets)
                self.processes[index].start()

    def _has_served(self, process: Process) -> bool:
        began = self._began.setdefault(process.pid or 0, time.monotonic())
        return time.monotonic() - began > STARTS_WITHIN

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self._began: dict[int, float] = {}

    def join_all(self) -> None:
        self.signal_queue.clear()
        while any(process.process.is_alive() for process in self.processes):
            if signal.SIGTERM in self.signal_queue or signal.SIGINT in self.signal_queue:
                for process in self.processes:
                    process.process.kill()
            time.sleep(0.05)


def _worker(settings: Settings) -> FastAPI:
    stop_logging = logs.configure(settings.logging.dir, settings.logging.level)
    if settings.server.workers > 1:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    app = create_app(settings)
    serve = app.router.lifespan_context

    @asynccontextmanager
    async def logged_to_the_end(app: FastAPI) -> AsyncIterator[None]:
        async with serve(app):
            yield
        stop_logging()  # uvicorn ends the process by the signal that it got, which leaves no other occasion

    app.router.lifespan_context = logged_to_the_end
    return app


def _end_with(supervisor: int) -> None:
    """A worker whose supervisor was killed would hold the port against the next daemon: it stops in good order."""
    while os.getppid() == supervisor:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _take_files() -> None:
    """As many open files as the system allows: each call needs two connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard) if hard != resource.RLIM_INFINITY else (soft, hard))
