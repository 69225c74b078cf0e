"""A signal that ends a command as Ctrl-C does, so that what it has started is ended too."""

from __future__ import annotations

from types import FrameType


def interrupt(number: int, frame: FrameType | None) -> None:
    """A handler of signals."""
    raise KeyboardInterrupt
