"""Which connections to TalkMe and the model are used again, and how many there are."""

from __future__ import annotations

import asyncio

import pytest

from server.wire import UNREAD
from tests.polling import eventually
from tests.service import CHUNKED, OK, body, calling


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


async def test_an_answer_that_came_and_was_not_read_does_not_hold_up_the_next_one() -> None:
    much = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (UNREAD + 1) + b"x" * (UNREAD + 1)
    async with calling(much, OK) as (outgoing, told):
        async with outgoing.post("send", b"{}") as answer:
            await eventually(lambda: answer.ended)
        assert await body(outgoing) == b"ok"
        assert told.connections == 1
