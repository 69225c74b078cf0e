"""A model's answer comes in hundreds of pieces: they are read together, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from server.consultant.completion import CompletionFailed, Completions
from server.consultant.model_calls import ModelCalls
from server.observability.tally import Tally
from server.outgoing import Outgoing

FOR_EVER = 600.0
"""Seconds: a test that waited for this would not end."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"


class Model:
    """Answers each request on a socket by what `script` does; `connections` counts those that were made."""

    def __init__(self, script: Callable[[Model], Awaitable[None]]) -> None:
        self._script = script
        self.url, self.connections = "", 0
        self.heard = asyncio.Event()
        """Set by a test that has got a piece."""

    async def says(self, word: str) -> None:
        await self.sends(f'data: {{"choices": [{{"delta": {{"content": "{word}"}}}}]}}\n\n'.encode())

    async def sends(self, event: bytes) -> None:
        await self.writes(b"%x\r\n%s\r\n" % (len(event), event))

    async def writes(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def until_heard(self) -> None:
        await self.heard.wait()
        self.heard.clear()

    def hangs_up(self) -> None:
        self._writer.close()

    async def hung_up(self) -> None:
        self.hangs_up()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writer = writer
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
                await reader.readexactly(int(length.partition(b":")[2]))
                await self.writes(HEAD)
                await self._script(self)
        except asyncio.IncompleteReadError:
            writer.close()


@asynccontextmanager
async def model(script: Callable[[Model], Awaitable[None]]) -> AsyncIterator[Model]:
    told = Model(script)
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
    told.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/"
    try:
        yield told
    finally:
        server.close()
        await told.hung_up()


@asynccontextmanager
async def completions(model: Model, together: float) -> AsyncIterator[Completions]:
    asking = Completions(Outgoing(model.url, 10, together=together), "m", ModelCalls(Tally(), "openai"))
    try:
        yield asking
    finally:
        await asking.close()


async def heard(asking: Completions, model: Model) -> AsyncIterator[str]:
    """The answer as it is given, piece by piece."""
    async for piece in asking.stream([{"role": "user", "content": "?"}]):
        yield piece.text
        model.heard.set()


async def until_over(pieces: AsyncIterator[str]) -> None:
    async for _ in pieces:
        pass


async def test_what_follows_the_first_words_is_read_together_and_the_end_at_once() -> None:
    async def script(model: Model) -> None:
        await model.says("раз ")
        await model.until_heard()
        for _ in range(20):
            await model.says("два ")
        await model.sends(DONE)
        await model.writes(END)

    async with model(script) as told, completions(told, FOR_EVER) as asking:
        assert [piece async for piece in heard(asking, told)] == ["раз ", "два " * 20]


async def test_the_first_words_are_read_at_once_though_the_head_of_the_answer_came_before_them() -> None:
    async def script(model: Model) -> None:
        await model.until_heard()
        await model.says("раз")

    async with model(script) as told:
        outgoing = Outgoing(told.url, 10, together=FOR_EVER)
        async with outgoing.post("chat/completions", b"{}") as answer:
            told.heard.set()  # nothing but the head
            assert "раз" in (await answer.piece()).decode()
        await outgoing.close()


async def test_whoever_sends_much_is_not_kept_in_memory_until_it_is_more() -> None:
    async def script(model: Model) -> None:
        await model.says("раз")
        await model.until_heard()
        await model.says("много" * 10_000)
        await model.until_heard()
        await model.sends(DONE)
        await model.writes(END)

    async with model(script) as told, completions(told, FOR_EVER) as asking:
        assert "".join([piece async for piece in heard(asking, told)]) == "раз" + "много" * 10_000


async def test_words_are_not_held_back_for_longer_than_was_said() -> None:
    async def script(model: Model) -> None:
        for word in ("раз ", "два ", "три "):
            await model.says(word)
            await model.until_heard()
        await model.sends(DONE)
        await model.writes(END)

    async with model(script) as told, completions(told, 0.01) as asking:
        assert [piece async for piece in heard(asking, told)] == ["раз ", "два ", "три "]


async def test_an_answer_that_breaks_off_is_told_as_such_at_once() -> None:
    async def script(model: Model) -> None:
        await model.says("раз ")
        await model.until_heard()
        await model.says("два ")
        model.hangs_up()

    async with model(script) as told, completions(told, FOR_EVER) as asking:
        pieces = heard(asking, told)
        assert await anext(pieces) == "раз "
        with pytest.raises(CompletionFailed):
            await until_over(pieces)


@pytest.mark.parametrize("empty", [b"data:\n\n", b"data: \r\n\r\n"])
async def test_an_event_without_data_is_no_part_of_the_answer(empty: bytes) -> None:
    async def script(model: Model) -> None:
        await model.sends(empty)
        await model.says("раз")
        await model.sends(empty + DONE)
        await model.writes(END)

    async with model(script) as told, completions(told, FOR_EVER) as asking:
        assert [piece async for piece in heard(asking, told)] == ["раз"]


@pytest.mark.parametrize(
    "nothing",
    [
        b": still here\n",
        b'data: {"choices": [{"delta": {}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": ""}}]}\n\n',
    ],
    ids=["comments", "events that add nothing", "empty words"],
)
async def test_a_stream_that_has_no_end_is_no_answer(nothing: bytes) -> None:
    async def script(model: Model) -> None:
        with suppress(OSError):
            for _ in range(50):
                await model.sends(nothing * (100_000 // len(nothing)))
            await model.says("раз")
            await model.sends(DONE)
            await model.writes(END)

    async with model(script) as told, completions(told, FOR_EVER) as asking:
        with pytest.raises(CompletionFailed, match="no end"):
            await until_over(heard(asking, told))


@pytest.mark.parametrize("together", [0.0, 0.05])
async def test_the_next_answer_comes_over_the_same_connection_though_its_end_came_by_itself(together: float) -> None:
    async def script(model: Model) -> None:
        await model.says("раз")
        await model.sends(DONE)
        await model.until_heard()
        await model.writes(END)

    async with model(script) as told, completions(told, together) as asking:
        for _ in range(3):
            pieces = heard(asking, told)
            assert await anext(pieces) == "раз"
            await until_over(pieces)
        assert told.connections == 1
