"""A TalkMe that does what a test tells it to: refuse, drop the connection, keep waiting."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What one call gets. `until` holds it back; `drop` closes the connection instead of answering."""

    status: int = 200
    body: Mapping[str, Any] | str = field(default_factory=lambda: {"success": True, "result": {}})
    headers: Mapping[str, str] = field(default_factory=dict)
    until: asyncio.Event | None = None
    drop: bool = False


@dataclass(frozen=True)
class Call:
    method: str
    token: str
    body: dict[str, Any]
    turn: str = ""
    """The id of the turn, as the daemon tells it (`X-Request-Id`)."""


class ScriptedTalkMe:
    """Answers `success` unless the script of a method (`send`, `simulateTyping`, `finish`) holds something else."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self.url = ""

    def sent(self, token: str | None = None) -> list[str]:
        """The texts of all sends that were received, in order."""
        calls = (call for call in self.calls if call.method == "send" and token in (None, call.token))
        return [call.body["content"]["text"] for call in calls]

    def of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        method = head[0].split()[1].rpartition("/")[2]
        self.calls.append(Call(method, headers.get("x-token", ""), body, headers.get("x-request-id", "")))
        answer = self.script[method].popleft() if self.script[method] else Answer()
        if answer.until:
            await answer.until.wait()
        if answer.drop:
            return False
        text = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
        lines = [f"HTTP/1.1 {answer.status} -", f"Content-Length: {len(text)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + text)
        await writer.drain()
        return True


@asynccontextmanager
async def scripted_talkme() -> AsyncIterator[ScriptedTalkMe]:
    talkme = ScriptedTalkMe()
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        await talkme.serve(reader, writer)
        connections.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    talkme.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield talkme
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
