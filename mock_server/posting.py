"""Posting a webhook: what a delivery needs of an HTTP client, and the two clients that do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import httpx

if TYPE_CHECKING:
    import aiohttp

JSON = {"Content-Type": "application/json"}


class Unanswered(Exception):
    """Nobody answered, or not to the end, or not in time; the text says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    text: str


class Post(Protocol):
    """Posts JSON to `url` and waits up to `timeout` seconds for the whole answer. Raises `Unanswered`."""

    async def __call__(self, url: str, body: bytes, timeout: float) -> Answer: ...


def by_httpx(http: httpx.AsyncClient) -> Post:
    """For single calls, with the client that does all the rest."""

    async def post(url: str, body: bytes, timeout: float) -> Answer:
        try:
            answer = await http.post(url, content=body, headers=JSON, timeout=timeout)
        except httpx.TransportError as error:
            raise Unanswered(_reason(error)) from error
        return Answer(answer.status_code, answer.text)

    return post


def by_aiohttp(session: aiohttp.ClientSession) -> Post:
    """For a load, whose own cost is part of every latency it measures."""
    from aiohttp import ClientError, ClientTimeout

    async def post(url: str, body: bytes, timeout: float) -> Answer:
        try:
            async with session.post(
                url, data=body, headers=JSON, timeout=ClientTimeout(total=timeout), allow_redirects=False
            ) as answer:
                return Answer(answer.status, await answer.text(errors="replace"))
        except (ClientError, TimeoutError, OSError) as error:
            raise Unanswered(_reason(error)) from error

    return post


def aiohttp_session(headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """Connections that cost little: what is measured is the daemon, and the generator's own time is part of it.

    `headers`: of every request.
    """
    import aiohttp

    # Each caller has his own; none waits for another's. Neither cookies nor a proxy of the environment are wanted.
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, headers=headers
    )


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
