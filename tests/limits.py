"""What the kernel lets this process have, for a while."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited(what: int, most: int) -> Iterator[None]:
    """`what` is one of `resource.RLIMIT_…`. The kernel refuses this process and its children more than so much."""
    usual = resource.getrlimit(what)
    resource.setrlimit(what, (most, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, usual)


def next_file() -> int:
    """The number that the next file would have: with so many at most, none can be opened any more."""
    number = os.dup(0)
    os.close(number)
    return number
