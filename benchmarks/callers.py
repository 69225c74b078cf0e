"""Callers in an open model: messages come when they come, whether or not the ones before are answered.

The client is an asyncio protocol of its own: half a dozen microseconds of work where a library has a hundred.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import orjson

from benchmarks.questions import SERVICES, utterance

HEAD = (
    b"POST /webhook/talkme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
PATIENCE = 120.0
"""Seconds after which a webhook that is not answered counts as broken."""


@dataclass(frozen=True, slots=True, order=True)
class Utterance:
    """At which second of the load a caller says the `number`-th message of the call. `token` stands for the caller; the
    daemon takes none of fewer than ten characters."""

    at: float
    token: str
    number: int = 0
    goes_on: bool = False
    """Said when TalkMe shows «typing» for what the caller said before: that is accepted then, and not answered."""


@dataclass
class Said:
    """What became of the webhooks. Moments are those of `time.time`."""

    sent: dict[tuple[str, int], float] = field(default_factory=dict)
    """By token and number: when it was said, of those that the target took."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Of all webhooks; 0 where the connection broke."""
    slips: list[float] = field(default_factory=list)
    """Seconds by which each message was said later than it should have been: the generator's own lateness."""


def load(rate: float, seconds: float, round_: int, pairs: float = 0.05) -> list[Utterance]:
    """`rate` messages a second at random moments, from as many callers; the share `pairs` of them goes on talking
    before an answer can have come."""
    chance, at, found = random.Random(round_), 0.0, list[Utterance]()
    while at < seconds:
        token = f"caller-{round_}-{len(found)}"
        if chance.random() < pairs / (1 + pairs):
            found += [Utterance(at, token, 2), Utterance(at, token, 3, goes_on=True)]
        else:
            found.append(Utterance(at, token, chance.randrange(4, len(SERVICES))))
        at += chance.expovariate(rate / (1 + pairs))
    return sorted(found)


class Callers:
    """All of them: a pool of connections to the target's webhook."""

    def __init__(self, port: int) -> None:
        self._port, self._idle = port, list[_Connection]()
        self._typing = dict[str, asyncio.Event]()

    async def say(self, said: Iterable[Utterance], seed: int = 0, found: Said | None = None) -> Said:
        """Say everything at its time; return when all webhooks are answered. `found` is filled meanwhile."""
        found, said = Said() if found is None else found, list(said)
        self._typing |= {each.token: asyncio.Event() for each in said if each.goes_on}
        chance, under_way, began = random.Random(seed), set[asyncio.Task[None]](), time.time()
        for each in said:
            await asyncio.sleep(began + each.at - time.time())
            found.slips.append(time.time() - began - each.at)
            task = asyncio.create_task(self._say(each, utterance(each.number, chance), found))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)
        return found

    def typing(self, token: str) -> None:
        """TalkMe shows «typing» to this caller."""
        if event := self._typing.get(token):
            event.set()

    async def _say(self, each: Utterance, text: str, found: Said) -> None:
        if each.goes_on:
            await self._typing[each.token].wait()
        body = orjson.dumps({"token": each.token, "user_id": each.token, "message": {"text": text}})
        key = (each.token, each.number)
        found.sent[key] = time.time()
        try:
            async with asyncio.timeout(PATIENCE):
                status = await self.post(body)
        except (OSError, TimeoutError):
            status = 0
        found.statuses[status] += 1
        self.typing(each.token)  # whoever was refused does not wait for it
        if not 200 <= status < 300:
            del found.sent[key]

    async def post(self, body: bytes) -> int:
        """The status of one webhook. Raises `OSError` if the connection breaks."""
        return await self._ask(HEAD % len(body) + body)

    async def health(self) -> int:
        """The status of the health endpoint. Raises `OSError` where nobody listens."""
        return await self._ask(b"GET /webhook/talkme/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    async def _ask(self, request: bytes) -> int:
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            return await connection.ask(request)
        finally:
            if connection.usable:
                self._idle.append(connection)

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self._idle), "127.0.0.1", self._port)
        return connection

    def close(self) -> None:
        for connection in tuple(self._idle):
            connection.close()


class _Connection(asyncio.Protocol):
    """One request at a time, kept alive; `Content-Length` is what the targets answer with."""

    def __init__(self, idle: list[_Connection]) -> None:
        self._idle, self._buffer, self._answer = idle, b"", asyncio.Future[int]()
        self.usable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def ask(self, request: bytes) -> int:
        self.usable, self._buffer, self._answer = False, b"", asyncio.Future()
        self._transport.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self._transport.abort()
            raise

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) >= length and not self._answer.done():
            self.usable = b"connection: close" not in lower
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, reason: Exception | None) -> None:
        self.usable = False
        if self in self._idle:
            self._idle.remove(self)
        if not self._answer.done():
            self._answer.set_exception(reason or ConnectionResetError("closed before the answer"))

    def close(self) -> None:
        self._transport.close()
