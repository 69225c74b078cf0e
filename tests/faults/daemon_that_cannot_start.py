"""A daemon under the real supervisor, whose workers find no place for their store. Called with a port."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing import Pipe

import uvicorn
from fastapi import FastAPI

from server.clock import SystemClock
from server.errors import IteiraError
from server.pulse import Pulses
from server.serving import Supervisor, listen
from server.stores.base import StoreLimits
from server.stores.open import store_from_url
from server.systemd import ServiceManager


def worker() -> FastAPI:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await store_from_url("sqlite:////dev/null/iteira.db", StoreLimits(), SystemClock()).open()
        yield

    return FastAPI(lifespan=life)


if __name__ == "__main__":
    hears, _ = Pipe(duplex=False)
    config = uvicorn.Config(worker, factory=True, workers=2, ws="none")
    sock = listen("127.0.0.1", int(sys.argv[1]))
    sock.set_inheritable(True)
    try:
        Supervisor(config, [sock], Pulses(hears, 10.0), ServiceManager(None)).run()
    except IteiraError as error:
        sys.exit(f"failed: {error}")
