"""A part of what is answered over HTTP that is made when it is asked for the first time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from server.garbage import staying

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TURN = 0.0002
"""Seconds for which a thread that loads code keeps the event loop from going on; Python's own are 0.005, for each of
the many steps of a message."""


class OnDemand:
    """ASGI application that makes the real one at its first request, in a thread; whoever asks meanwhile waits."""

    def __init__(self, make: Callable[[], App]) -> None:
        """`make` is called once, and again only where it has failed."""
        self._make = make
        self._app: App | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._app or await self._made())(scope, receive, send)

    async def _made(self) -> App:
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._considerately)
            return self._app

    def _considerately(self) -> App:
        with _short_turns(), staying():
            return self._make()


@contextmanager
def _short_turns() -> Iterator[None]:
    """The event loop, which has callers to answer, goes first."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
