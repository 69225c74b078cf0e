"""Connections to the services that we call: one pool for each of them, for the life of a process.

aiohttp is used as it is: httpx around it, and the model client's own making of a request, were a fifth of all that a
message cost (`benchmarks/README.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import yarl

from server.wire import Connector

KEEP_ALIVE = 30
"""Seconds that an idle connection is kept."""


class Outgoing:
    """POSTs JSON to paths under one address. Used by one event loop.

    `connections` limits how many are open at the same time, `connect` how many seconds making one may take; how long an
    answer may take, whoever reads it looks after. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold as they are when this
    object is made. Cookies are not kept: calls for different callers share the connections and must
    not share anything else. What comes of an answer within `together` seconds is read together, its end at once.
    """

    def __init__(
        self,
        base_url: str,
        connections: int,
        *,
        connect: float | None = None,
        headers: Mapping[str, str] | None = None,
        together: float = 0.0,
    ) -> None:
        self._together = together
        self._base_url, self._connections = base_url.rstrip("/") + "/", connections
        self._timeout = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=connect)
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._proxy = proxy_for(base_url)
        self._urls: dict[str, yarl.URL] = {}
        self._session: aiohttp.ClientSession | None = None

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The answer, whose body is read inside the block. Raises `aiohttp.ClientError` and `OSError`.

        Redirects are not followed: they would carry the caller's words and the token somewhere else.
        """
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = yarl.URL(self._base_url + path)
        session = self._session or self._open()
        return session.post(url, data=body, headers=headers, allow_redirects=False)

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=Connector(self._together, limit=self._connections, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers=self._headers,
            proxy=self._proxy,
        )
        return self._session


def proxy_for(url: str) -> str | None:
    """The proxy that the process was given for this address."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
