"""A load that is broken off ends, whatever its HTTP client makes of it."""

from __future__ import annotations

import asyncio
from random import Random

import anyio

from mock_server.load import Load
from mock_server.posting import Answer
from tests.polling import eventually


async def test_a_caller_whose_client_does_not_hear_that_it_is_over_is_told_again() -> None:
    told = 0
    asking: list[str] = []

    async def hard_of_hearing(url: str, body: bytes, timeout: float) -> Answer:
        nonlocal told
        asking.append(url)
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                told += 1
                if told > 1:
                    raise

    load = Load(hard_of_hearing, Random(1), name="t", callers=1, rate=100.0, target=lambda: "http://nowhere")

    async def broken_off() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(load.run, 600.0)
            await eventually(lambda: asking, lambda found: found != [])
            group.cancel_scope.cancel()

    over = asyncio.create_task(broken_off())
    await eventually(over.done, lambda done: done)
    assert told == 2
