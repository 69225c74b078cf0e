"""How much of a latency that `iteira simulate-load` measures is its own: its client beside wrk and bare sockets.

    iteira serve --port 8000 &
    python -m benchmarks.generator --url http://127.0.0.1:8000

All ask for the health endpoint, each connection at the same fixed rate, in rounds that take turns, since other programs
disturb all of them. A bare socket without an event loop shows what Python itself adds to wrk, streams what the event
loop does, the generator's client what its libraries do. Needs wrk (`apt-get install wrk`).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from mock_server.posting import aiohttp_session

PATH = "/webhook/talkme/health"
PAUSE = 0.02
"""Seconds from an answer to the next request of its connection."""
Ask = Callable[[], Awaitable[None]]


def of_wrk(url: str, connections: int, seconds: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "pace.lua"
        script.write_text(f"function delay() return {PAUSE * 1000:g} end\n")
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script)]
        told = subprocess.run(["wrk", *options, url + PATH], capture_output=True, text=True, check=True).stdout
    found = re.search(r"50%\s+([\d.]+)(us|ms|s)", told)
    assert found, told
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[found[2]]


def of_a_socket(url: str, connections: int, seconds: int) -> float:
    """One connection, whatever was asked for: it waits in its place."""
    waits, ends = [], time.perf_counter() + seconds
    with socket.create_connection(_place(url)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.perf_counter() < ends:
            began = time.perf_counter()
            connection.sendall(_request(url))
            answer = connection.recv(65536)
            while not _whole(answer):
                answer += connection.recv(65536)
            waits.append(time.perf_counter() - began)
            time.sleep(PAUSE)
    return statistics.median(waits)


async def of_streams(url: str, connections: int, seconds: int) -> float:
    async def connected() -> Ask:
        reader, writer = await asyncio.open_connection(*_place(url))

        async def ask() -> None:
            writer.write(_request(url))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))

        return ask

    return await _median([await connected() for _ in range(connections)], seconds)


async def of_the_generator(url: str, connections: int, seconds: int) -> float:
    async with aiohttp_session() as connections_of_callers:

        async def ask() -> None:
            async with connections_of_callers.get(url + PATH) as answer:
                await answer.read()

        return await _median([ask] * connections, seconds)


async def _median(asks: list[Ask], seconds: int) -> float:
    waits, ends = [], time.perf_counter() + seconds

    async def repeat(ask: Ask) -> None:
        while time.perf_counter() < ends:
            began = time.perf_counter()
            await ask()
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE)

    await asyncio.gather(*map(repeat, asks))
    return statistics.median(waits)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


def _request(url: str) -> bytes:
    return f"GET {PATH} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()


def _length(head: bytes) -> int:
    found = re.search(rb"(?i)content-length: (\d+)", head)
    assert found, head
    return int(found[1])


def _whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    return bool(end) and len(body) >= _length(head)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    args = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt-get install wrk")
    kinds = {
        "wrk": of_wrk,
        "socket, no event loop": of_a_socket,
        "streams on uvloop": lambda *given: uvloop.run(of_streams(*given)),
        "the generator": lambda *given: uvloop.run(of_the_generator(*given)),
    }
    for connections in (1, 4):
        rounds = [
            {name: kind(args.url, connections, args.seconds) for name, kind in kinds.items()}
            for _ in range(args.rounds)
        ]
        print(f"{connections} connection(s), p50 in ms: median, least and most of {args.rounds} rounds; above wrk")
        for name in kinds:
            found = [each[name] * 1000 for each in rounds]
            above = statistics.median([(each[name] - each["wrk"]) * 1000 for each in rounds])
            print(f"  {name:<22} {statistics.median(found):5.2f}  {min(found):5.2f} {max(found):5.2f}  {above:+5.2f}")


if __name__ == "__main__":
    main()
