"""Waiting for something to become true, with a failure that shows what was there instead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], T | Awaitable[T]], right: Callable[[T], bool] = bool, within: float = 20.0
) -> T:
    """Look until `right` says yes. Raises `AssertionError` with what was seen last."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        value: T = await seen if isawaitable(seen) else seen
        if right(value):
            return value
        assert time.monotonic() < deadline, f"still not so after {within:g} s: {value!r}"
        await asyncio.sleep(0.01)
