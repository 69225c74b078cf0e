"""Waiting for something to become true, with a failure that shows what was there instead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import Any


async def eventually(look: Callable[[], Any], right: Callable[[Any], bool] = bool, within: float = 20.0) -> Any:
    """Look until `right` says yes to what is seen, and return that. `look` may be a coroutine function.

    Raises `AssertionError` with what was seen last.
    """
    deadline = time.monotonic() + within
    while True:
        seen = look()
        value = await seen if isawaitable(seen) else seen
        if right(value):
            return value
        assert time.monotonic() < deadline, f"still not so after {within:g} s: {value!r}"
        await asyncio.sleep(0.01)
