"""Ending tasks that go on for ever: by cancelling them, until they have heard of it."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_SECONDS = 0.5


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, and return when they have ended, however they do.

    Whoever goes on is cancelled again: what he waits for may have taken the cancellation for itself. `asyncio.wait_for`
    does up to Python 3.11, where it comes together with what was waited for; libraries wait with it.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
