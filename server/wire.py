"""One connection to a service that we call: requests are written to it, answers are read from it one after another.

The parser is httptools', which reads the webhook's requests too. A model writes word by word, thousands of pieces a
second for all callers together: to take each of them through the parser by itself, and to wake its reader for it, is
most of what reading an answer costs.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import cast

import httptools

END = b"0\r\n\r\n"
"""How a body ends whose length was not told before (RFC 9112, 7.1). What is no longer may be the rest of it."""
LARGE = 16_384
"""Bytes that are no word of a model: what came is read at once."""
UNREAD = 262_144
"""Bytes of a body that wait for their reader: whoever sends more waits too."""
HEAD = 65_536
"""Bytes within which the head of an answer must end."""
MANY_DIGITS = 10
"""Of seconds that are more than anybody waits."""


class Answer:
    """What comes back for one request. Read by one task."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._unread = self._head = 0
        self._waits: asyncio.Future[None] | None = None
        self._failure: OSError | None = None
        self._told_length = False
        self.ended = False
        """Whether all of it has come, read or not."""
        self.in_chunks = False
        self.has_begun = False
        """Whether any of the body has come."""
        self.status = 0
        """0 until the head has come."""
        self.retry_after = 0
        """Seconds of `Retry-After` (RFC 9110, 10.2.3); 0 for none, and for its date form."""
        self._reusable = False

    async def piece(self) -> bytes:
        """What has come of the body and was not read yet, waited for; nothing at the end.

        Raises `ConnectionError` where the connection ends before the body does, or what comes is no HTTP.
        """
        while not self._body:
            if self._failure:
                raise self._failure
            if self.ended:
                return b""
            self._waits = asyncio.get_running_loop().create_future()
            try:
                await self._waits
            finally:
                self._waits = None
        body, self._body, self._unread = self._body, [], 0
        self._connection.go_on()
        return body[0] if len(body) == 1 else b"".join(body)

    @property
    def whole(self) -> bool:
        """Whether all of the body has been read."""
        return self.ended and not self._body

    def done(self) -> bool:
        """Nobody reads on. Whether another request may follow on the connection: all of this one's answer has come."""
        self._parser = None  # it knows us: what knows each other would be left to the garbage collector
        return self._reusable

    def feed(self, data: bytes) -> None:
        """Take what has come on the connection."""
        if self._parser is None or self.ended or self._failure:
            self._connection.close()  # nobody has asked for more
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(f"what came is no answer in HTTP: {error}")
        if not self.status:
            self._head += len(data)
            if self._head > HEAD:
                self.fail(f"the head of the answer is longer than {HEAD} bytes")
        self._wake()

    def cut_off(self, *, broken: bool) -> None:
        """The connection has ended: so has a body whose length nobody has told, unless it is `broken`."""
        if self.status and not self._told_length and not broken:
            self.ended = True
        self.fail("the connection was closed before the answer had come")
        self._wake()

    def fail(self, why: str) -> None:
        """Whoever has the whole answer need not know."""
        self._reusable = False
        if not self.ended:
            self._failure = self._failure or ConnectionError(why)

    def _wake(self) -> None:
        if self._waits and not self._waits.done() and (self._body or self.ended or self._failure):
            self._waits.set_result(None)

    # What the parser calls

    def on_message_begin(self) -> None:
        if self.ended:
            raise ValueError("one request has one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"content-length":
                self._told_length = True
            case b"transfer-encoding":
                self._told_length = self.in_chunks = True
            case b"retry-after" if value.isdigit() and len(value) < MANY_DIGITS:
                self.retry_after = int(value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code() if self._parser else 0
        if status >= HTTPStatus.OK:
            self.status = status

    def on_body(self, data: bytes) -> None:
        self.has_begun = True
        self._body.append(data)
        self._unread += len(data)
        if self._unread > UNREAD:
            self._connection.hold_up()

    def on_message_complete(self) -> None:
        if not self.status:  # it was an interim one (RFC 9110, 15.2): the answer is still to come
            self._told_length, self.in_chunks, self.retry_after = False, False, 0
        else:
            self.ended, self._reusable = True, self._parser is not None and self._parser.should_keep_alive()


class Connection(asyncio.Protocol):
    """With `together`, what follows the beginning of a body is read together within so many seconds; its end is read at
    once. Real time on purpose: it is that of the socket."""

    def __init__(self, together: float) -> None:
        self._together = together
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []
        self._size = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._answer: Answer | None = None
        self._gathers = self._held_up = False

    def ask(self, request: bytes) -> Answer:
        """The answer to a request, which is written. Nothing else may be awaited on this connection."""
        self.go_on()  # the answer before may have come in full and not been read
        self._gathers = False
        self._answer = answer = Answer(self)
        if self.is_open:
            self._transport.write(request)
        else:  # it was closed while it was lent
            answer.cut_off(broken=True)
        return answer

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    def close(self) -> None:
        """At once: whatever is still to come, nobody reads it."""
        self._transport.abort()

    def hold_up(self) -> None:
        if not self._held_up:
            self._held_up = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._held_up:
            self._held_up = False
            if self.is_open:
                self._transport.resume_reading()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._held.append(data)
        self._size += len(data)
        if self._gathers and self._size < LARGE and len(data) > len(END) and not data.endswith(END):
            self._alarm = self._alarm or self._loop.call_later(self._together, self._read)
        else:
            self._read()

    def eof_received(self) -> None:
        """What is still to be written is not waited for."""
        self._cut_off(broken=False)
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._cut_off(broken=error is not None)
        self._answer = None  # they know each other

    def _cut_off(self, *, broken: bool) -> None:
        self._read()
        if self._answer:
            self._answer.cut_off(broken=broken)

    def _read(self) -> None:
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        held, self._held, self._size = self._held, [], 0
        answer = self._answer
        if held and answer:
            answer.feed(held[0] if len(held) == 1 else b"".join(held))
            self._gathers = self._together > 0 and answer.in_chunks and answer.has_begun and not answer.ended
        elif held:
            self.close()
