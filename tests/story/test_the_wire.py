"""Requests to TalkMe and the model, byte by byte: which answers are taken, and which connections used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from server.errors import SettingsError
from server.outgoing import Outgoing
from server.wire import HEAD, UNREAD
from tests.polling import eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PLENTY = 64_000_000


class Service:
    """Answers the requests on each connection with `answers`, one after the other, the last one again and again; None
    closes the connection."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.url, self.connections, self.requests = "", 0, list[bytes]()
        self.answer: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
        """Instead of `answers`."""
        self.served = set[asyncio.Task[None]]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self.served.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
                self.requests.append(head + await reader.readexactly(int(length.partition(b":")[2])))
                await self._reply(writer)

    async def _reply(self, writer: asyncio.StreamWriter) -> None:
        if self.answer:
            await self.answer(writer)
            return
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            writer.close()
        else:
            writer.write(answer)
            await writer.drain()


@asynccontextmanager
async def service(*answers: bytes | None) -> AsyncIterator[Service]:
    told = Service(*answers)
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
    told.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield told
    finally:
        server.close()
        for each in told.served:
            each.cancel()
        await asyncio.gather(*told.served, return_exceptions=True)


@asynccontextmanager
async def calling(
    *answers: bytes | None, connections: int = 10, keep_alive: float = 30, together: float = 0
) -> AsyncIterator[tuple[Outgoing, Service]]:
    async with service(*answers) as told:
        outgoing = Outgoing(told.url, connections, keep_alive=keep_alive, together=together)
        try:
            yield outgoing, told
        finally:
            await outgoing.close()


async def body(outgoing: Outgoing, request: bytes = b"{}") -> bytes:
    async with outgoing.post("send", request) as answer:
        found = b""
        while piece := await answer.piece():
            found += piece
        return found


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


async def test_a_connection_whose_answer_has_come_is_used_again() -> None:
    chunks = CHUNKED + b"2\r\nok\r\n0\r\n\r\n"
    async with calling(OK, chunks, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + OK) as (outgoing, told):
        assert [await body(outgoing) for _ in range(4)] == [b"ok"] * 4
        assert told.connections == 1


@pytest.mark.parametrize(
    "last",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"and more that nobody has asked for",
        OK + b"HTTP/1.1 500 Twice\r\nContent-Length: 2\r\n\r\nno",
    ],
)
async def test_an_answer_is_whole_and_its_connection_not_used_again_where_it_is_to_be_the_last(last: bytes) -> None:
    async with calling(last) as (outgoing, told):
        for _ in range(2):
            async with outgoing.post("send", b"{}") as answer:
                assert [await answer.piece(), await answer.piece(), answer.status] == [b"ok", b"", 200]
        assert told.connections == 2


@pytest.mark.parametrize("together", [0, 600])
@pytest.mark.parametrize("first", [OK, CHUNKED + b"2\r\nok\r\n0\r\n\r\n"])
async def test_what_comes_on_an_idle_connection_closes_it(first: bytes, together: float) -> None:
    async def and_more_later(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await later.wait()
        writer.write(OK)

    later = asyncio.Event()
    async with calling(OK, together=together) as (outgoing, told):
        told.answer = and_more_later
        assert await body(outgoing) == b"ok"
        later.set()
        told.answer = None
        await eventually(lambda: outgoing.idle, lambda open_ones: open_ones == 0)
        assert await body(outgoing) == b"ok"
        assert told.connections == 2


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


async def test_nothing_is_sent_twice_where_a_kept_connection_is_closed_on_the_request() -> None:
    async with calling(OK, None) as (outgoing, told):
        assert await body(outgoing) == b"ok"
        with pytest.raises(ConnectionError):
            await body(outgoing)
        assert len(told.requests) == 2
        assert told.connections == 1


async def test_a_connection_that_was_closed_while_idle_is_not_used() -> None:
    async def and_closes(writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    async with calling(OK) as (outgoing, told):
        told.answer = and_closes
        assert await body(outgoing) == b"ok"
        await eventually(lambda: outgoing.idle, lambda open_ones: open_ones == 0)
        assert await body(outgoing) == b"ok"
        assert told.connections == 2


async def test_a_connection_that_was_idle_for_too_long_is_not_used() -> None:
    async with calling(OK, keep_alive=0) as (outgoing, told):
        assert [await body(outgoing) for _ in range(3)] == [b"ok"] * 3
        assert told.connections == 3


async def test_no_more_connections_are_made_than_there_may_be() -> None:
    async with calling(OK, connections=2) as (outgoing, told):
        assert await asyncio.gather(*(body(outgoing) for _ in range(20))) == [b"ok"] * 20
        assert told.connections <= 2


async def test_an_answer_that_is_given_up_closes_its_connection_and_makes_room() -> None:
    async def never(writer: asyncio.StreamWriter) -> None:
        begun.set()
        await asyncio.Event().wait()

    begun = asyncio.Event()
    async with calling(OK, connections=1) as (outgoing, told):
        told.answer = never
        waiting = asyncio.create_task(body(outgoing))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        told.answer = None
        assert await body(outgoing) == b"ok"
        assert told.connections == 2


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


async def test_an_answer_that_came_and_was_not_read_does_not_hold_up_the_next_one() -> None:
    much = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (UNREAD + 1) + b"x" * (UNREAD + 1)
    async with calling(much, OK) as (outgoing, told):
        async with outgoing.post("send", b"{}") as answer:
            await eventually(lambda: answer.ended)
        assert await body(outgoing) == b"ok"
        assert told.connections == 1


@pytest.mark.parametrize("value", ["t\r\nX-Other: 1", "t\n", "t\0"])
async def test_a_header_of_more_than_one_line_is_not_sent(value: str) -> None:
    async with calling(OK) as (outgoing, told):
        with pytest.raises(ValueError, match="one line"):
            outgoing.post("send", b"{}", {"X-Token": value})
        assert told.requests == []


@pytest.mark.parametrize("url", ["https://a..b/", f"https://{'a' * 64}.example/", "https://host:port/"])
async def test_what_is_no_address_is_refused_before_anybody_is_called(url: str) -> None:
    with pytest.raises(SettingsError, match="an address like"):
        Outgoing(url, 1)


@pytest.mark.parametrize(
    "proxy", ["socks5://user:secret@proxy:1080", "http://proxy:99999", "a..b:3128", "http://[::1:8"]
)
async def test_a_proxy_that_cannot_be_used_is_refused_by_name(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(SettingsError, match=r"http://proxy:3128 is expected") as refused:
        Outgoing("https://talkme.example/", 1)
    assert "secret" not in str(refused.value)


async def test_a_proxy_that_does_not_connect_us_is_an_error_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    async with service() as told:

        async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n<p>Who are you?</p>")
            writer.close()

        asked = list[bytes]()
        server = await asyncio.start_server(refuses, "127.0.0.1", 0)
        monkeypatch.setenv("HTTPS_PROXY", f"user:pass@127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        outgoing = Outgoing("https://talkme.example/", 1)
        with pytest.raises(ConnectionError, match="407"):
            await body(outgoing)
        await outgoing.close()
        server.close()
        assert told.requests == []
    assert asked[0].startswith(b"CONNECT talkme.example:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in asked[0]
