"""Connections to the services that we call: aiohttp's, for answers that come in many small pieces.

A model writes word by word, thousands of pieces a second for all callers together. To take each of them through the
parser by itself, and to wake its reader for it, is most of what reading an answer costs. aiohttp 3.14 also lets the
parser go on after each piece that is read, whether it was held up or not.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

END = b"0\r\n\r\n"
"""How a body ends whose length was not told before (RFC 9112, 7.1)."""

LARGE = 16_384
"""Bytes that are no word of a model: whoever sends so much at once is read at once, so that aiohttp may hold him up."""


class Connector(aiohttp.TCPConnector):
    """aiohttp's, whose connections read together what follows the beginning of an answer within `together` seconds.

    The head of an answer, the beginning of its body and its end are read at once.
    """

    def __init__(self, together: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # aiohttp's own name for what makes a connection. Were it called otherwise, each piece would be read by itself.
        self._factory = cast(Any, partial(_Connection, together, loop=asyncio.get_running_loop()))


class _Connection(ResponseHandler):
    """Real time on purpose: it is that of the socket."""

    def __init__(self, together: float, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._together, self._gathers = together, False
        self._held: list[bytes] = []
        self._alarm: asyncio.TimerHandle | None = None

    def set_response_params(self, **kwargs: Any) -> None:
        self._gathers = False
        super().set_response_params(**kwargs)

    def data_received(self, data: bytes) -> None:
        self._held.append(data)
        if self._gathers and len(data) < LARGE and not data.endswith(END):
            self._alarm = self._alarm or self._loop.call_later(self._together, self._read)
        else:
            self._read()

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def eof_received(self) -> None:
        self._read()
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._read()
        super().connection_lost(exc)

    def _read(self) -> None:
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        held, self._held = self._held, []
        if held:
            super().data_received(held[0] if len(held) == 1 else b"".join(held))
            self._gathers = self._together > 0 and self._payload is not None and self._payload.total_bytes > 0
