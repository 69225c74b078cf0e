"""`iteira serve` with an eye on its event loop: `BENCH_LAGS=FILE python -m benchmarks.watched`.

A task of the daemon's own loop asks to be woken every few milliseconds; how late it is woken is what every caller waits
beside everything else. The moments and the lags are written to the file when the daemon stops.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette

from iteira_cli.app import main
from server import serving
from server.settings import Settings

EVERY = 0.005
"""Seconds."""


async def look(found: list[tuple[float, float]]) -> None:
    """Note (`time.time`, lag in milliseconds) until cancelled."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(EVERY)
        found.append((time.time(), 1000 * (time.perf_counter() - before - EVERY)))


def watch(app: Starlette) -> Starlette:
    serve = app.router.lifespan_context

    @asynccontextmanager
    async def watched(app: Starlette) -> AsyncIterator[None]:
        found: list[tuple[float, float]] = []
        async with serve(app):
            looking = asyncio.create_task(look(found))
            yield
            looking.cancel()
            Path(os.environ["BENCH_LAGS"]).write_text(json.dumps(found))

    app.router.lifespan_context = watched
    return app


if __name__ == "__main__":
    create = vars(serving)["create_app"]

    def create_app(settings: Settings) -> Starlette:
        return watch(create(settings))

    vars(serving)["create_app"] = create_app
    sys.argv[1:] = ["serve"]
    main()
