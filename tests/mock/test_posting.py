"""Both ways of posting a webhook keep the same promises, against real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from mock_server.posting import Answer, Post, Unanswered, aiohttp_session, by_aiohttp, by_httpx
from tests.ports import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["httpx", "aiohttp"])
async def post(request: pytest.FixtureRequest) -> AsyncIterator[Post]:
    if request.param == "httpx":
        async with httpx.AsyncClient(trust_env=False) as http:
            yield by_httpx(http)
    else:
        async with aiohttp_session() as connections:
            yield by_aiohttp(connections)


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/webhook"
    finally:
        server.close()


async def test_an_answer_is_told_whatever_its_status_and_no_redirect_is_followed(post: Post) -> None:
    asked: list[bytes] = []

    async def move(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"{}"))
        writer.write(b"HTTP/1.1 307 -\r\nLocation: /elsewhere\r\nContent-Length: 8\r\n\r\n" + "туда".encode())
        await writer.drain()

    async with serving(move) as url:
        assert await post(url, b"{}", 5.0) == Answer(307, "туда")
    assert len(asked) == 1
    assert b"content-type: application/json" in asked[0].lower()


async def test_whoever_hangs_up_or_says_nothing_or_is_not_there_has_not_answered(post: Post) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\nonly ")

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client has had enough

    for serve, patience in ((hang_up, 5.0), (half, 5.0), (silence, 0.05)):
        async with serving(serve) as url:
            with pytest.raises(Unanswered, match=r"\w"):
                await post(url, b"{}", patience)
    with pytest.raises(Unanswered, match=r"\w"):
        await post(f"http://127.0.0.1:{free_port()}/", b"{}", 5.0)
