"""How much comes in: the body of a request is read only as far as it may be long."""

from __future__ import annotations

from fastapi import Request


class BodyTooLarge(Exception):
    """The body is longer than allowed; the rest of it was not read."""


async def read_body(request: Request, limit: int) -> bytes:
    """At most `limit` bytes. Raises `BodyTooLarge`, by the declared length where there is one, else on the way."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge
    return bytes(body)
