"""Who may administrate: the bearer of a token, or, where none is configured, whoever sits at this machine."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from server.errors import TooMany
from server.intake.rates import Counted, network_of, told

BEARER = HTTPBearer(auto_error=False, description="admin.token, or one of admin.read_tokens")

FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "client-ip")
"""Headers by which a proxy says that the caller is somebody else (RFC 7239 and its many relatives); so does any that
begins with `x-forwarded`."""
FROM_A_PAGE = ("origin", "referer", "sec-fetch-site")
"""Headers that only browsers send: a page open in one must not act in its user's name."""
HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")


class Rights(StrEnum):
    """What an administrator may do. `LOOK` changes nothing, and is not shown who the callers are."""

    ALL = "all"
    LOOK = "look"


class Administrators:
    """A dependency that lets administrators through, and tells their rights.

    `tokens` have all rights, `read_tokens` may look; without `tokens` whoever sits at this machine has all rights.
    `wrong` counts wrong tokens by address. Refuses with 401 a missing or wrong token, with 403 callers from outside and
    what a right does not cover, with 429 an address that has tried too many.
    """

    def __init__(self, tokens: Sequence[str], read_tokens: Sequence[str], wrong: Counted) -> None:
        self._tokens = [(token.encode(), Rights.ALL) for token in tokens]
        self._tokens += [(token.encode(), Rights.LOOK) for token in read_tokens]
        self._local, self._wrong = not tokens, wrong

    @property
    def asks_for(self) -> Sequence[str]:
        """Names of security schemes of the OpenAPI document, one of which is enough; an empty one is none."""
        if not self._tokens:
            return []
        return [BEARER.scheme_name, ""] if self._local else [BEARER.scheme_name]

    async def __call__(
        self, request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
    ) -> Rights:
        if self._local and (bearer is None or not self._tokens):
            return self._at_this_machine(request)
        rights = self._known(request, bearer)
        if rights is Rights.LOOK and request.method not in {"GET", "HEAD"}:
            raise HTTPException(HTTPStatus.FORBIDDEN, "this token may look and change nothing (admin.read_tokens)")
        return rights

    def _at_this_machine(self, request: Request) -> Rights:
        if not _direct_loopback(request):
            raise HTTPException(
                HTTPStatus.FORBIDDEN, "administration is open to this machine only; set admin.token to open it"
            )
        return Rights.ALL

    def _known(self, request: Request, bearer: HTTPAuthorizationCredentials | None) -> Rights:
        whose = network_of(request.client.host) if request.client else ""
        try:
            self._wrong.check(whose)
            given = bearer.credentials.strip().encode() if bearer else b""
            # Every comparison is made, so that the time tells neither which token was nearly right nor where it stands.
            fitting = [rights for token, rights in self._tokens if hmac.compare_digest(given, token)]
            if fitting:
                return fitting[0]
            if bearer:
                self._wrong.count(whose)
        except TooMany as limit:
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, str(limit), headers=told(limit)) from None
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "expected Authorization: Bearer <admin.token>",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _direct_loopback(request: Request) -> bool:
    """Whether a program of this machine asks in its own name, as far as that can be seen.

    The name it asked for counts too: a page in a browser can point a name of its own at 127.0.0.1, but not call it
    localhost. HTTP/1.0 is what proxies speak that add nothing of their own.
    """
    if request.client is None or request.scope.get("http_version") == "1.0":
        return False
    if any(name in FORWARDED or name in FROM_A_PAGE or name.startswith("x-forwarded") for name in request.headers):
        return False
    return _is_loopback(request.client.host) and bool(HOST.fullmatch(request.headers.get("host", "")))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # not an address of the network
        return False
