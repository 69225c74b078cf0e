"""Trying again: tenacity's rules, asked for once something has failed.

Its bookkeeping for a call that goes well costs as much as the call's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying

T = TypeVar("T")


async def tried(attempt: Callable[[], Awaitable[T]], retrying: Callable[[], AsyncRetrying]) -> T:
    """What the attempt gives. Where it fails, `retrying` decides whether it is made again, and how often: what has
    failed counts as its first."""
    try:
        return await attempt()
    except Exception as error:
        failures = [error]

    async def from_the_first() -> T:
        if failures:
            raise failures.pop()
        return await attempt()

    return await retrying()(from_the_first)
