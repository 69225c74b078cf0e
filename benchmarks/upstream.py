"""A cheap other side: TalkMe, and a model that streams with set latencies. It notes what reaches it and when.

One asyncio protocol without a framework, to be run on uvloop in the process of the callers: a message costs it far less
than any target, and all moments are of one clock.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import orjson

from benchmarks.questions import ANSWER, SERVICES, asked

OK = b'{"success":true,"result":{}}'
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Model:
    """How the model answers: `chunks` pieces, the first after `first` seconds, the last after `whole`."""

    first: float = 0.05
    whole: float = 0.2
    chunks: int = 40
    sentence: int = 0
    """Pieces of the first sentence; 0: the answer is one sentence."""
    slow: int | None = None
    """The message of a call for which the model takes half as long again: the next one would overtake it."""

    def seconds(self, number: int) -> float:
        """Until the last piece of the answer to the `number`-th message of a call."""
        return self.whole * 1.5 if number == self.slow else self.whole


class OtherSide:
    """Both servers on one port. Moments are those of `time.time`."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.replies: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        """By token, in the order of arrival: the message that was answered (from 0), and when its reply came."""
        self.other: defaultdict[str, list[float]] = defaultdict(list)
        """By token: when TalkMe was sent something that is not the model's, such as an apology or a filler."""
        self.sentences: defaultdict[str, list[float]] = defaultdict(list)
        """By service that was asked about: when the model had written the end of its first sentence."""
        self.typing: Callable[[str], None] = lambda token: None
        """Told of each customBot/simulateTyping."""
        words = ["слово "] * (model.chunks - 1) + ["и всё."]
        if model.sentence:
            words[model.sentence - 1 : model.sentence + 1] = [".", " Слово "]
        self._words = [_chunk(word) for word in words]
        self._openings = [_chunk(f"Слово про {service}, ") for service in SERVICES]
        self._end = _chunk("", "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"

    async def serve(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self), "127.0.0.1", port, backlog=4096)

    def forget(self) -> None:
        """What has arrived until now was only to warm up."""
        self.replies.clear()
        self.other.clear()
        self.sentences.clear()

    def heard(self, token: str, body: bytes) -> None:
        """TalkMe's customBot/send."""
        text = orjson.loads(body)["content"]["text"]
        found = ANSWER.search(text)
        if found:
            self.replies[token].append((SERVICES.index(found[1]), time.time()))
        else:
            self.other[token].append(time.time())

    def answer(self, body: bytes, transport: asyncio.Transport) -> None:
        """The model's chat/completions."""
        request = orjson.loads(body)
        number = asked(next(each["content"] for each in reversed(request["messages"]) if each["role"] == "user"))
        if not request.get("stream"):
            whole = orjson.dumps(_whole(f"Слово про {SERVICES[number]}, и всё."))
            transport.write(JSON_HEAD % len(whole) + whole)
            return
        transport.write(STREAM_HEAD)
        model, loop = self.model, asyncio.get_running_loop()
        pause = (model.seconds(number) - model.first) / max(1, model.chunks - 1)
        began = loop.time() + model.first

        def write(at: int) -> None:
            if transport.is_closing():
                return
            if at == model.chunks:
                transport.write(self._end)
                return
            transport.write(self._words[at] if at else self._openings[number])
            if at == model.sentence - 1:
                self.sentences[SERVICES[number]].append(time.time())
            loop.call_at(began + (at + 1) * pause if at + 1 < model.chunks else began + at * pause, write, at + 1)

        loop.call_at(began, write, 0)


class Connection(asyncio.Protocol):
    def __init__(self, side: OtherSide) -> None:
        self._side, self._buffer = side, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = int(_header(head, b"content-length:") or 0)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._answer(head, rest[:length])

    def _answer(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/completions"):
            self._side.answer(body, self._transport)
            return
        if path.endswith(b"/send"):
            self._side.heard(_header(head, b"x-token:").decode(), body)
        else:
            self._side.typing(_header(head, b"x-token:").decode())
        self._transport.write(JSON_HEAD % len(OK) + OK)


def _header(head: bytes, name: bytes) -> bytes:
    at = head.lower().find(name)
    return head[at + len(name) :].split(b"\r\n", 1)[0].strip() if at >= 0 else b""


def _chunk(text: str, finish: str | None = None) -> bytes:
    delta = {"content": text} if text else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    line = b"data: " + orjson.dumps(event) + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(line), line)


def _whole(text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
