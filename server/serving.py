"""The daemon on a socket: one process, or several that share it under uvicorn's supervisor."""

from __future__ import annotations

import asyncio
import errno
import faulthandler
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
from multiprocessing import Pipe

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from server.accept_queue import Server, WorkerProcess
from server.app import create_app
from server.assembly import open_library, open_store
from server.clock import SystemClock
from server.connections import Connection
from server.errors import IteiraError, SettingsError
from server.garbage import hold_back, settle
from server.knowledge.base import KnowledgeStatus
from server.observability import logs
from server.pulse import Listener, Pulse, Pulses, beat
from server.settings import Settings
from server.systemd import ServiceManager

BACKLOG = 2048
"""Connections that may wait to be taken while a burst of calls comes in."""
log = logging.getLogger(__name__)

STARTS_WITHIN = 60.0
"""Seconds until a new worker process must have said that it lives."""
STARTS_AGAIN = 5.0
"""Seconds between two starts of a worker that cannot start: its store is away, and comes back by itself."""
LAST_WORDS = 1.0
"""Seconds that a worker which hangs has to say where it does."""
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


def inherited(number: int, host: str, port: int) -> socket.socket:
    """The listening socket that the service manager has made, and holds while no daemon runs.

    Raises `SettingsError` if it does not listen on this address: who may call is judged by the settings.
    """
    try:
        sock = socket.socket(fileno=number)
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise SettingsError(f"the service manager has passed no socket: {error.strerror}") from None
    if not listens or sock.getsockname()[:2] != (host, port):
        raise SettingsError(
            f"the service manager listens on {sock.getsockname()}, and server.host and server.port say {host}:{port}; "
            "give iteira.socket and the configuration the same address"
        )
    return sock


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
    return open_library(settings, clock, progress).prepare()


def run(settings: Settings, sock: socket.socket, manager: ServiceManager) -> None:
    """Serve until SIGTERM or SIGINT; `manager` is told how it goes. Raises `IteiraError` if it cannot start."""
    if settings.server.workers > 1:  # else the one worker, which is this process, does it
        logs.configure(settings.logging.dir, settings.logging.level)
    sock.set_inheritable(True)
    _take_files()
    if settings.server.workers > 1:
        hears, speaks = Pipe(duplex=False)
        pulses = Pulses(hears, settings.server.hangs_after)
        settle()
        Supervisor(_config(settings, Pulse(speaks)), [sock], pulses, manager).run()
    else:
        Server(_config(settings, manager)).run([sock])


def _config(settings: Settings, listener: Listener) -> uvicorn.Config:
    return uvicorn.Config(
        # Made anew in each process: workers share the socket and the store, nothing else.
        partial(_worker, settings, listener),
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


class Supervisor(Multiprocess):
    """uvicorn's supervisor, which goes by its workers' own pulse.

    uvicorn asks a thread of the worker whether it lives, which says yes while the event loop hangs, and must not ask
    one that still starts. A worker that hangs says where before it is killed; a second signal while the workers are
    stopping ends them at once.

    A worker that cannot start ends the daemon only where it has never served: later it is tried again, since the others
    still serve, and what it misses may come back.
    """

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], pulses: Pulses, manager: ServiceManager
    ) -> None:
        super().__init__(config, sockets)
        self._pulses, self._manager = pulses, manager
        self._told, self._failed = False, False
        self._begun: dict[int, float] = {}

    def run(self) -> None:
        """Raises `IteiraError` if the daemon never served, since a worker could not start."""
        super().run()
        if self._failed:
            raise IteiraError("a worker process could not start, for the reason that it has logged")

    def init_processes(self) -> None:
        self.processes += [self._started() for _ in range(self.processes_num)]

    def _started(self) -> WorkerProcess:
        process = WorkerProcess(self.config, self.sockets)
        process.start()
        self._begun[process.pid or 0] = time.monotonic()
        return process

    def keep_subprocess_alive(self) -> None:
        self._pulses.listen()
        if not self._told and self._pulses.all_serve([process.pid or 0 for process in self.processes]):
            self._manager.ready()
            self._told = True
        for index, process in enumerate(self.processes):
            if process.exitcode == STARTUP_FAILURE and not self._told:
                log.error("a worker could not start; the daemon stops")
                self._failed = True
                self.should_exit.set()
            elif fault := self._fault(process):
                log.error("worker %s %s; another takes its place", process.pid, fault)
                self._end(process)
                self.processes[index] = self._started()
        self._manager.alive()

    def _fault(self, process: Process) -> str | None:
        if process.exitcode == STARTUP_FAILURE:
            is_due = time.monotonic() - self._begun.get(process.pid or 0, 0.0) >= STARTS_AGAIN
            return "could not start" if is_due else None
        if not process.process.is_alive():
            return "has died"
        return "hangs" if self._pulses.hangs(process.pid or 0, STARTS_WITHIN) else None

    def _end(self, process: Process) -> None:
        pid = process.pid or 0
        if process.process.is_alive():
            os.kill(pid, signal.SIGABRT)  # on which it writes where each of its threads is; see `_worker`
            process.process.join(LAST_WORDS)
        process.kill()
        process.join()
        self._pulses.forget(pid)
        self._begun.pop(pid, None)  # one that uvicorn added, on SIGTTIN, is not among them

    def handle_hup(self) -> None:
        """A terminal that went away is no reason to interrupt callers; and settings are only read at a start."""

    def terminate_all(self) -> None:
        self._manager.stopping()
        super().terminate_all()

    def join_all(self) -> None:
        self.signal_queue.clear()
        while any(process.process.is_alive() for process in self.processes):
            if signal.SIGTERM in self.signal_queue or signal.SIGINT in self.signal_queue:
                for process in self.processes:
                    process.process.kill()
            time.sleep(0.05)


def _worker(settings: Settings, listener: Listener) -> Starlette:
    hold_back()
    faulthandler.enable()  # whoever ends a process that hangs does so by SIGABRT first
    stop_logging = logs.configure(settings.logging.dir, settings.logging.level)
    if settings.server.workers > 1:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    app = create_app(settings)
    serve = app.router.lifespan_context

    @asynccontextmanager
    async def heard_to_the_end(app: Starlette) -> AsyncIterator[None]:
        beating = asyncio.create_task(beat(listener))
        async with serve(app):
            listener.ready()
            yield
            listener.stopping()
        beating.cancel()
        stop_logging()  # uvicorn ends the process by the signal that it got, which leaves no other occasion

    app.router.lifespan_context = heard_to_the_end
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
