"""What goes on for ever ends with the process, though it may not hear of it the first time."""

from __future__ import annotations

import asyncio

from server.ending import ended


async def test_a_loop_whose_cancellation_was_swallowed_ends_all_the_same() -> None:
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed += 1

    loops = [asyncio.create_task(deaf()), asyncio.create_task(asyncio.sleep(3600))]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await ended(*loops)
    assert swallowed == 1
    assert all(loop.cancelled() for loop in loops)


async def test_what_has_failed_before_it_was_to_end_harms_nobody() -> None:
    async def fails() -> None:
        raise ValueError("long ago")

    loop = asyncio.create_task(fails())
    await asyncio.wait([loop])
    await ended(loop)
