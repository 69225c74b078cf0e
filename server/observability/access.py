"""The access log: a line for each HTTP request, written when it has been answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from server.observability.about import masked_id

log = logging.getLogger("api")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class AccessLog:
    """ASGI middleware. The path is logged without its query, with long numbers masked; bodies and headers never."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            log.info("%s", _Request(scope, status, time.perf_counter() - began))


class _Request:
    """Put into words only if the line is written."""

    def __init__(self, scope: Scope, status: int, seconds: float) -> None:
        self._scope, self._status, self._seconds = scope, status, seconds

    def __str__(self) -> str:
        client: Any = self._scope.get("client") or ("-",)
        what = f"{self._scope['method']} {masked_id(self._scope['path'])} {self._status or 'not answered'}"
        return f"{what} {1000 * self._seconds:.1f} ms {client[0]}"
