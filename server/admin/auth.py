"""Who may administrate: the bearer of the token, or, where none is configured, whoever sits at this machine."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address

from fastapi import HTTPException, Request

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers by which a proxy says that the caller is somebody else (RFC 7239 and its predecessors)."""


def administrator(token: str | None) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets administrators through: 401 for a wrong or missing token, 403 for callers from outside."""

    async def check(request: Request) -> None:
        if token is None:
            if not _direct_loopback(request):
                raise HTTPException(
                    HTTPStatus.FORBIDDEN, "administration is open to this machine only; set admin.token to open it"
                )
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "expected Authorization: Bearer <admin.token>",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check


def _direct_loopback(request: Request) -> bool:
    """Whether a program of this machine asks in its own name. The name it asked for counts too: a page in a browser can
    point a name of its own at 127.0.0.1, but not call it localhost."""
    if any(header in request.headers for header in FORWARDED) or request.client is None:
        return False
    return _loopback(request.client.host) and _loopback(request.url.hostname or "")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
