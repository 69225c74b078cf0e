"""How much comes in: the body of a request is read only as far as it may be long."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Receive

from server.clock import Clock

BODY_SECONDS = 10.0
"""Time in which a body has to arrive."""


class BodyTooLarge(Exception):
    """The body is longer than allowed; the rest of it was not read."""


class BodyIncomplete(Exception):
    """The body did not arrive in time, or its sender has gone."""


async def read_body(request: Request, limit: int, clock: Clock) -> bytes:
    """At most `limit` bytes. Raises `BodyTooLarge`, by the declared length where there is one, else on the way, and
    `BodyIncomplete`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge
    try:
        async with clock.timeout(BODY_SECONDS):
            return await _read(request.receive, limit)
    except TimeoutError:
        raise BodyIncomplete from None


async def _read(receive: Receive, limit: int) -> bytes:
    """The pieces as they come (ASGI, `http.request`)."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyIncomplete
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge
        more = message.get("more_body", False)
    return bytes(body)
