"""Whoever is slow, sends endless headers, or sends what is no HTTP, loses his connection; the others keep theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
import uvloop

from server.app import create_app
from server.connections import Connection
from server.serving import listen
from tests.daemon import documented, settings_for
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe, scripted_talkme

HEALTH = "GET /webhook/talkme/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Impatient(Connection):
    head_seconds = 0.2
    body_seconds = 0.2


@pytest.fixture
async def port(folder: Path, talkme: ScriptedTalkMe) -> AsyncIterator[int]:
    """Of a daemon that waits no longer than 0.2 s for a request."""
    async with impatient(folder, talkme) as port:
        yield port


@asynccontextmanager
async def impatient(folder: Path, talkme: ScriptedTalkMe) -> AsyncIterator[int]:
    sock = listen("127.0.0.1", 0)
    app = create_app(settings_for(folder, talkme.url))
    server = uvicorn.Server(uvicorn.Config(app, http=Impatient, log_config=None, access_log=False, ws="none"))
    serving = asyncio.create_task(server.serve([sock]))
    try:
        await eventually(lambda: server.started)
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def told(port: int, *parts: str | bytes, pause: float = 0.0) -> bytes:
    """All that the daemon says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part if isinstance(part, bytes) else part.encode())
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


def posted() -> str:
    body = json.dumps(documented())
    return f"POST /webhook/talkme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_who_does_not_finish_his_headers_is_cut_off_with_408(port: int) -> None:
    answer = await told(port, HEALTH, "X-Slow: ")
    assert status(answer) == 408
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["success"] is False


async def test_a_drip_of_headers_gains_no_time(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEALTH.encode())

    async def drip() -> None:
        while True:
            writer.write(b"X-Drip: 1\r\n")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(10):
        with suppress(ConnectionResetError):  # the answer is lost to who still sends when it is over
            assert status(await reader.read()) == 408
    dripping.cancel()
    writer.close()


async def test_who_says_nothing_or_empty_lines_alone_is_cut_off(port: int) -> None:
    assert await told(port) == b""
    assert status(await told(port, "\r\n")) == 408
    answers = await told(port, f"{HEALTH}\r\n", "\r\n", pause=0.05)
    assert answers.count(b"HTTP/1.1 200 OK") == 1


async def test_a_body_that_does_not_come_is_not_waited_for(port: int) -> None:
    head = "POST /webhook/talkme/failed/1/retry HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n"
    # What the administration needs is loaded at its first request, which may take longer than this body has.
    await told(port, "GET /webhook/talkme/failed HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert status(await told(port, head, "half")) == 404  # it needs none, and the connection ends with its time


@pytest.mark.parametrize(
    "head",
    [
        f"{HEALTH}X-Long: {'x' * 20_000}\r\n\r\n",
        f"{HEALTH}{''.join(f'X-{number}: 1' + chr(13) + chr(10) for number in range(101))}\r\n",
        f"GET /{'x' * 20_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"{HEALTH}X-Endless: {'x' * 20_000}",
    ],
    ids=["a long header", "many headers", "a long address", "a header without an end"],
)
async def test_headers_over_the_limit_get_431(port: int, head: str) -> None:
    assert status(await told(port, head)) == 431
    assert status(await told(port, *(head[at : at + 4000] for at in range(0, len(head), 4000)))) == 431


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"HELLO\r\n\r\n",
        b"POST /webhook/talkme HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /webhook/talkme HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET /webhook/talkme/health HTTP/1.1\r\nHost: a\r\nX-Injected: a\x00b\r\n\r\n",
        b"GET /webhook/talkme/health HTTP/1.1\r\nHost : a\r\n\r\n",
    ],
    ids=["TLS", "no HTTP", "two lengths of one body", "two lengths", "a null byte", "a space before the colon"],
)
async def test_what_is_ambiguous_or_no_http_gets_400_and_the_connection_ends(port: int, request_: bytes) -> None:
    assert status(await told(port, request_)) == 400


@pytest.mark.parametrize("size", ["-1", "fffffffffffffffffff", "x"])
async def test_a_body_in_chunks_that_are_none_gets_400_at_once(port: int, size: str) -> None:
    head = "POST /webhook/talkme HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status(await told(port, f"{head}{size}\r\n")) == 400
    assert status(await told(port, head, "2\r\n{}\r\n", f"{size}\r\n", pause=0.05)) == 400


async def test_slow_ones_hold_up_nobody_and_a_reply_may_take_its_time(folder: Path, talkme: ScriptedTalkMe) -> None:
    held = asyncio.Event()
    talkme.script["send"].append(Answer(until=held))
    async with impatient(folder, talkme) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as daemon:
        webhook = asyncio.create_task(daemon.post("/webhook/talkme", json=documented()))
        slow = [asyncio.create_task(told(port, HEALTH)) for _ in range(50)]
        await eventually(talkme.sent)
        assert {status(answer) for answer in await asyncio.gather(*slow)} == {408}  # longer than a head may take
        held.set()
        assert (await webhook).status_code == 200


async def test_a_second_request_that_is_slow_does_not_spoil_the_answer_to_the_first(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    held = asyncio.Event()
    talkme.script["send"].append(Answer(until=held))
    async with impatient(folder, talkme) as port:
        answer = asyncio.create_task(told(port, f"{posted()}{HEALTH}"))
        await eventually(talkme.sent)
        await told(port)  # until somebody else was cut off, and so the second request as well
        held.set()
        assert status(await answer) == 200
        assert (await answer).count(b"HTTP/1.1") == 1


def test_who_has_gone_before_all_of_his_requests_were_answered_is_no_error_of_ours(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with scripted_talkme() as talkme, impatient(folder, talkme) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(posted().encode() * 5)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await eventually(talkme.sent, lambda texts: len(texts) >= 2)

    uvloop.run(scenario())  # on which a connection that is closed refuses to be written to
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
