"""One connection: uvicorn's, but whoever is slow or sends endless headers does not keep it.

uvicorn limits neither how long the head of a request may take nor how long it may be, and after an answer it reads on
for as long as a body comes.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application


class HeadTooLarge(Exception):
    """The request line and the headers together are longer than allowed."""


class Connection(HttpToolsProtocol):
    """Its times begin with the connection, and with each further request on it."""

    head_seconds = 10.0
    """In which the request line and all headers have to arrive."""
    body_seconds = 15.0
    """In which the body has to arrive, whoever reads it; longer than the webhook waits, which answers 408 itself."""
    head_bytes = 16_384
    head_lines = 100

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.url, self.headers = b"", []
        self._reading_head, self._head = True, 0
        self._due: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None
        """Whose answer is being made; `cycle` is the latest request, which may wait behind it."""
        self._expect(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        super().connection_lost(exc)
        if self._answered:
            self._hear_no_more(self._answered)
            self._answered = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._reading_head and not self.transport.is_closing():
            self._head += len(data)
            if self._head > self.head_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._due is None and not self._answering and self.timeout_keep_alive_task is None:
            self._expect(self.head_seconds)  # empty lines, which begin no request

    def on_message_begin(self) -> None:
        if not self._reading_head:  # a further request on the same connection
            self._reading_head, self._head = True, 0
            self._expect(self.head_seconds)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._reading_head = False
        if self._too_large:
            raise HeadTooLarge
        self._expect(self.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expect(None)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, and what the parser was stopped at."""
        too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        self._refuse(too_large if self._too_large else HTTPStatus.BAD_REQUEST)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    @staticmethod
    def _hear_no_more(cycle: RequestResponseCycle) -> None:
        """Whoever asked hears no more of it: who answers him learns that, and what is still said to him is dropped.
        Where somebody has gone uvicorn tells it to the latest request alone."""
        cycle.disconnected = True
        cycle.message_event.set()

    @property
    def _too_large(self) -> bool:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size > self.head_bytes or len(self.headers) > self.head_lines

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _awaits_body(self) -> bool:
        """Whether the body of the request that is being answered has not come whole, and nothing has been answered."""
        cycle = self._answered
        return cycle is self.cycle and cycle is not None and cycle.more_body and not cycle.response_started

    def _expect(self, seconds: float | None) -> None:
        """What is awaited now has to be here in so many seconds; None: nothing is awaited."""
        if self._due is not None:
            self._due.cancel()
        self._due = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        if self._reading_head and self._head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:  # nothing was asked, or somebody else answers, or has
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        if self._awaits_body:  # of which no more can come: this is the answer
            self._hear_no_more(self.cycle)
        elif self._answering:  # an earlier request on this connection; its answer is the last one
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        body = json.dumps({"success": False, "error": ERRORS[status]}).encode()
        head = (
            STATUS_LINE[status],
            b"content-type: application/json\r\n",
            b"content-length: %d\r\n" % len(body),
            b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
        )
        self.transport.write(b"".join(head) + body)
        self.transport.close()


ERRORS = {
    HTTPStatus.BAD_REQUEST: "this is no HTTP/1.1 request",
    HTTPStatus.REQUEST_TIMEOUT: f"the headers did not arrive within {Connection.head_seconds:g} s",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: f"more than {Connection.head_lines} headers, or over "
    f"{Connection.head_bytes} bytes of them and the address together",
}
