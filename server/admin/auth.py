"""Who may administrate: the bearer of the token, or, where none is configured, whoever sits at this machine."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address

from fastapi import HTTPException, Request

FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "client-ip")
"""Headers by which a proxy says that the caller is somebody else (RFC 7239 and its many relatives); so does any that
begins with `x-forwarded`."""
FROM_A_PAGE = ("origin", "referer", "sec-fetch-site")
"""Headers that only browsers send: a page open in one must not act in its user's name."""
HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")


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
    """Whether a program of this machine asks in its own name, as far as that can be seen.

    The name it asked for counts too: a page in a browser can point a name of its own at 127.0.0.1, but not call it
    localhost. HTTP/1.0 is what proxies speak that add nothing of their own.
    """
    if request.client is None or request.scope.get("http_version") == "1.0":
        return False
    if any(name in FORWARDED or name in FROM_A_PAGE or name.startswith("x-forwarded") for name in request.headers):
        return False
    return ip_address(request.client.host).is_loopback and bool(HOST.fullmatch(request.headers.get("host", "")))
