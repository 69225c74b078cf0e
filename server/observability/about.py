"""What a log line is about: the message and the session that are being worked on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

NUMBER = re.compile(r"(\+?\d{1,5})\d{3,}(\d{4})")
"""A telephone number, or anything else that is as long."""

_bound: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def about(*, session: str | None = None, turn: str | None = None) -> Iterator[None]:
    """Bind the session (its `user_id`) and the turn (its message's id) to every line logged inside the block."""
    given = {"session": masked(session) if session else None, "turn": turn}
    before = _bound.set({**_bound.get(), **{name: value for name, value in given.items() if value}})
    try:
        yield
    finally:
        _bound.reset(before)


def bound() -> Mapping[str, str]:
    """What is bound where this is called: `session` and `turn`, as far as they are known."""
    return _bound.get()


def masked(text: str) -> str:
    """With the middle of every long number hidden: `+375291234567` is `+37529***4567`."""
    return NUMBER.sub(r"\1***\2", text)
