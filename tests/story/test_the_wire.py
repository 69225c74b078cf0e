"""Requests to TalkMe and the model, byte by byte: what is sent, and which answers are taken."""

from __future__ import annotations

import asyncio

import pytest

from server.dialling import Way
from server.outgoing import Outgoing
from server.wire import HEAD, UNREAD, Connection
from tests.service import CHUNKED, OK, body, calling, service

PLENTY = 64_000_000


async def test_a_request_says_what_it_is_and_what_it_was_given() -> None:
    async with (
        calling(OK) as (outgoing, told),
        outgoing.post("customBot/send", b'{"text":"..."}', {"X-Token": "t"}) as answer,
    ):
        assert await answer.piece() == b"ok"
        assert answer.status == 200
    head, _, sent = told.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /v1/customBot/send HTTP/1.1"
    assert {"Content-Type: application/json", "X-Token: t", "Content-Length: 14", "User-Agent: iteira"} < set(lines)
    assert f"Host: {told.url.removeprefix('http://').removesuffix('/v1')}" in lines
    assert sent == b'{"text":"..."}'


@pytest.mark.parametrize("at", range(1, 5))
async def test_an_end_that_comes_in_two_pieces_is_read_at_once(at: int) -> None:
    async def in_two(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"2\r\nok\r\n")
        for piece in (b"0\r\n\r\n"[:at], b"0\r\n\r\n"[at:]):
            await asyncio.sleep(0.01)  # a piece of its own for the reader
            writer.write(piece)

    async with calling(OK, together=600) as (outgoing, told):
        told.answer = in_two
        assert [await body(outgoing) for _ in range(3)] == [b"ok"] * 3
        assert told.connections == 1


async def test_who_answers_before_all_was_sent_and_reads_no_more_is_not_waited_for() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too large\r\nContent-Length: 9\r\n\r\ncut")
        writer.write_eof()
        await given_up.wait()
        writer.close()

    given_up = asyncio.Event()
    server = await asyncio.start_server(early, "127.0.0.1", 0)
    outgoing = Outgoing(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", 1)
    with pytest.raises(ConnectionError, match="before the answer had come"):
        await body(outgoing, b"x" * 30_000_000)
    given_up.set()
    await outgoing.close()
    server.close()


@pytest.mark.parametrize("cut", [OK[:-1], OK[:20], CHUNKED + b"2\r\nok\r\n"])
async def test_an_answer_that_breaks_off_is_no_answer(cut: bytes) -> None:
    async def breaks_off(writer: asyncio.StreamWriter) -> None:
        writer.write(cut)
        writer.close()

    async with calling(OK) as (outgoing, told):
        told.answer = breaks_off
        with pytest.raises(ConnectionError, match="before the answer had come"):
            await body(outgoing)


async def test_a_body_of_untold_length_ends_with_its_connection() -> None:
    async def ends(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        writer.close()

    async with calling(OK) as (outgoing, told):
        told.answer = ends
        assert [await body(outgoing), await body(outgoing)] == [b"all of it"] * 2
        assert told.connections == 2


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        CHUNKED + b"zz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * HEAD,
    ],
)
async def test_what_is_no_answer_in_http_is_told_as_such(nonsense: bytes) -> None:
    async with calling(nonsense) as (outgoing, _):
        with pytest.raises(ConnectionError, match="answer"):
            await body(outgoing)


async def test_whoever_sends_more_than_is_read_has_to_wait() -> None:
    written = 0

    async def floods(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % PLENTY)
        while written < PLENTY:
            writer.write(b"x" * 64_000)
            written += 64_000
            await writer.drain()

    async with calling(OK) as (outgoing, told):
        told.answer = floods
        async with outgoing.post("send", b"{}") as answer:
            before = -1
            while before != written:  # until the kernel takes no more
                before = written
                await asyncio.sleep(0.05)
            assert written < PLENTY
            sizes = list[int]()
            while piece := await answer.piece():
                sizes.append(len(piece))
            assert sum(sizes) == PLENTY
            assert max(sizes) < 4 * UNREAD


@pytest.mark.parametrize("value", ["t\r\nX-Other: 1", "t\n", "t\0"])
async def test_a_header_of_more_than_one_line_is_not_sent(value: str) -> None:
    async with calling(OK) as (outgoing, told):
        with pytest.raises(ValueError, match="one line"):
            outgoing.post("send", b"{}", {"X-Token": value})
        assert told.requests == []


async def test_a_connection_that_is_gone_when_it_is_to_be_used_is_an_error_of_the_network() -> None:
    async with service(OK) as told:
        connection = await Way(f"{told.url}/").go(lambda: Connection(0))
        connection.close()
        await asyncio.sleep(0)  # in which the event loop says so
        with pytest.raises(ConnectionError, match="closed"):
            await connection.ask(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").piece()
