"""A cheap other side: TalkMe, and a model that streams, with set latencies. Counts what reaches it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict

CHUNKS = 40
FIRST_TOKEN, WHOLE = 0.05, 0.2
"""Seconds until the first chunk of a completion, and until the last."""
OK = b'{"success":true,"result":{}}'
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(text: str, finish: str | None = None) -> bytes:
    delta = {"content": text} if text else {}
    event = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    line = b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(line), line)


WORDS = [_chunk("слово " if number < CHUNKS - 1 else "и всё.") for number in range(CHUNKS)]
END = _chunk("", "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One connection. `heard` of the server: token to the moments at which replies arrived."""

    def __init__(self, heard: defaultdict[str, list[float]]) -> None:
        self._heard, self._buffer = heard, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            lower = head.lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer(head, lower)

    def _answer(self, head: bytes, lower: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/completions"):
            self._transport.write(STREAM_HEAD)
            loop = asyncio.get_running_loop()
            pause = (WHOLE - FIRST_TOKEN) / (CHUNKS - 1)
            loop.call_later(FIRST_TOKEN, self._stream, 0, loop.time() + FIRST_TOKEN, pause)
            return
        if path.endswith(b"/send"):
            at = lower.find(b"x-token:")
            token = head[at + 8 :].split(b"\r\n", 1)[0].strip().decode()
            self._heard[token].append(time.time())
        self._transport.write(JSON_HEAD % len(OK) + OK)

    def _stream(self, number: int, began: float, pause: float) -> None:
        if self._transport.is_closing():
            return
        if number == CHUNKS:
            self._transport.write(END)
            return
        self._transport.write(WORDS[number])
        loop = asyncio.get_running_loop()
        loop.call_at(began + (number + 1) * pause, self._stream, number + 1, began, pause)


async def serve(port: int, heard: defaultdict[str, list[float]]) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(lambda: Upstream(heard), "127.0.0.1", port, backlog=2048)
