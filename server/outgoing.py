"""POSTs to the services that we call: one pool of connections for each of them, for the life of a process.

A message makes three of them, and an HTTP client that can do everything does a hundred things for each: httpx and the
model client's own making of a request were a fifth of all that a message cost, aiohttp another eighth
(`benchmarks/README.md`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from types import TracebackType

from server.dialling import Way
from server.wire import Answer, Connection

KEEP_ALIVE = 30
"""Seconds that an idle connection is kept."""


class Outgoing:
    """POSTs JSON to paths under one address. Used by one event loop.

    `connections` limits how many are open at the same time, `connect` how many seconds making one may take; how long an
    answer may take, whoever reads it looks after. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold as they are when this
    object is made. What comes of an answer within `together` seconds is read together, its end at once. A connection is
    kept for `keep_alive` idle seconds.
    """

    def __init__(
        self,
        base_url: str,
        connections: int,
        *,
        connect: float | None = None,
        headers: Mapping[str, str] | None = None,
        together: float = 0.0,
        keep_alive: float = KEEP_ALIVE,
    ) -> None:
        """Raises `SettingsError` for what is no address, and for a proxy that cannot be used."""
        self._way = Way(base_url.rstrip("/") + "/")
        self._connect, self._together, self._keep_alive = connect, together, keep_alive
        fixed = {"Host": self._way.host, "User-Agent": "iteira", "Content-Type": "application/json"}
        self._fixed = _lines({**fixed, **self._way.identity, **(headers or {})})
        self._heads: dict[str, bytes] = {}
        self._places = asyncio.Semaphore(connections)
        self._idle: deque[tuple[float, Connection]] = deque()
        self._closed = False

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Post:
        """The answer, to be read inside an `async with`. Entering it raises `OSError`, as reading does, and
        `ValueError` for headers that are none.

        Nothing is sent twice, redirects are not followed: they would carry the caller's words and the token somewhere
        else. Cookies are not kept, and encodings not asked for.
        """
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = f"POST {self._way.target(path)} HTTP/1.1\r\n".encode() + self._fixed
        own = _lines(headers) if headers else b""
        return Post(self, b"%b%bContent-Length: %d\r\n\r\n%b" % (head, own, len(body), body))

    @property
    def idle(self) -> int:
        """Connections that are open and not used."""
        return sum(connection.is_open for _, connection in self._idle)

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop()[1].close()
        await asyncio.sleep(0)  # in which the event loop lets go of them

    async def lend(self) -> Connection:
        """A connection on which nothing is awaited. Raises `OSError`."""
        await self._places.acquire()
        try:
            self._let_go_of_the_old()
            while self._idle:
                connection = self._idle.pop()[1]
                if connection.is_open:
                    return connection
            async with asyncio.timeout(self._connect):
                return await self._way.go(lambda: Connection(self._together))
        except BaseException:
            self._places.release()
            raise

    def take_back(self, connection: Connection, *, reusable: bool) -> None:
        self._places.release()
        if reusable and not self._closed:
            self._idle.append((_now(), connection))
        else:
            connection.close()
        self._let_go_of_the_old()

    def _let_go_of_the_old(self) -> None:
        """Who serves them, or what lies between, may have forgotten them without a word."""
        while self._idle and self._idle[0][0] <= _now() - self._keep_alive:
            self._idle.popleft()[1].close()


class Post:
    """One request, made when the block is entered. Whatever has not come at its end is given up."""

    def __init__(self, outgoing: Outgoing, request: bytes) -> None:
        self._outgoing, self._request = outgoing, request

    async def __aenter__(self) -> Answer:
        self._connection = await self._outgoing.lend()
        self._answer = self._connection.ask(self._request)
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._outgoing.take_back(self._connection, reusable=self._answer.done())


def _now() -> float:
    return asyncio.get_running_loop().time()


def _lines(headers: Mapping[str, str]) -> bytes:
    """Raises `ValueError` for what would be more than one line each."""
    lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
    if any(line.count(b"\n") != 1 or line.count(b"\r") != 1 or b"\0" in line for line in lines):
        raise ValueError("a header of a request must be one line")
    return b"".join(lines)
