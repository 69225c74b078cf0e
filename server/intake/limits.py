"""How much comes in: the body of a request is read only as far as it may be long."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request

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
    try:
        async with clock.timeout(BODY_SECONDS):
            return await _read(request, limit)
    except (TimeoutError, ClientDisconnect):
        raise BodyIncomplete from None


async def _read(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge
    return bytes(body)
