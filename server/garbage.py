"""When Python looks for circular garbage: not while a process starts, and not in a caller's time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MADE = 10_000
"""Objects made since the last look for circular garbage: a message makes a few hundred, and hardly any are circular."""


def hold_back() -> None:
    """For a process that starts, until it has settled: nearly all that it makes stays, and looking at it again and
    again is a tenth of the time that it needs."""
    gc.disable()


def settle() -> None:
    """What was made until now stays: the collector need not look at it again. It looks rarely from here on."""
    if gc.isenabled():  # else hardly any of it is garbage
        gc.collect()
    gc.freeze()
    gc.set_threshold(MADE)
    gc.enable()


@contextmanager
def staying() -> Iterator[None]:
    """What is made inside the block stays, and nothing looks at it while it is being made."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
