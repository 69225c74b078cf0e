"""Health, which is open to everybody: it tells whether callers are answered, and nothing about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from server.observability.health import Check, Health, overall

Look = Callable[[Request], Awaitable[JSONResponse]]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def looks(health: Health) -> Mapping[str, Look]:
    """What answers `GET`, by its path; the form is `answers.HealthAnswer`."""

    async def talkme_health(request: Request) -> JSONResponse:
        """200 while callers are answered, if perhaps less well; 503 when they are not."""
        return _told(await health.checks())

    async def live(request: Request) -> JSONResponse:
        """503 when only a new start of this process can help; it looks at nothing outside of it."""
        return _told(health.live())

    async def ready(request: Request) -> JSONResponse:
        """503 while this process should get no messages: its store is away, or it is stopping."""
        return _told(await health.ready())

    path = "/webhook/talkme/health"
    return {path: talkme_health, f"{path}/live": live, f"{path}/ready": ready}


class HealthAtOnce:
    """ASGI middleware that answers whoever looks at health, which is asked for every few seconds for as long as a
    process lives: nothing has to be loaded for it."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], looks: Mapping[str, Look]) -> None:
        self._app, self._looks = app, looks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        look = self._looks.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        await (await look(Request(scope)) if look else self._app)(scope, receive, send)


def _told(checks: Mapping[str, Check]) -> JSONResponse:
    status = overall(checks)
    return JSONResponse(
        {
            "status": status,
            "service": "talkme_webhook",
            "checks": {name: {"status": check.status, "detail": check.detail} for name, check in checks.items()},
        },
        HTTPStatus.SERVICE_UNAVAILABLE if status == "unavailable" else HTTPStatus.OK,
    )
