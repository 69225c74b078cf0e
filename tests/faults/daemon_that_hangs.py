"""A daemon under the real supervisor, with a worker that can be made to hang: GET /hang blocks its event loop.

Called with a port and a patience in seconds.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from multiprocessing import Pipe

import uvicorn
from fastapi import FastAPI

from server.pulse import Pulse, Pulses, beat
from server.serving import Supervisor, listen
from server.systemd import ServiceManager


def worker(pulse: Pulse) -> FastAPI:
    faulthandler.enable()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        beating = asyncio.create_task(beat(pulse))
        yield
        beating.cancel()

    app = FastAPI(lifespan=life)

    @app.get("/")
    async def who() -> int:
        return os.getpid()

    @app.get("/hang")
    async def blocks_the_event_loop() -> None:
        time.sleep(3600)  # noqa: ASYNC251

    return app


if __name__ == "__main__":
    hears, speaks = Pipe(duplex=False)
    config = uvicorn.Config(partial(worker, Pulse(speaks)), factory=True, workers=2, ws="none")
    sock = listen("127.0.0.1", int(sys.argv[1]))
    sock.set_inheritable(True)
    Supervisor(config, [sock], Pulses(hears, float(sys.argv[2])), ServiceManager(None)).run()
