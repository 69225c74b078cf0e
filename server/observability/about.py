"""What a log line is about: the message and the session that are being worked on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from types import MappingProxyType

NUMBER = re.compile(r"(\+?\d{1,5})\d{3,}(\d{4})")
"""A telephone number, or anything else that is as long."""
LONG = re.compile(r"\d\d{7}")
"""Without so many digits there is no such number, and to look for them takes a fraction of the time."""
WRITTEN = re.compile(r"\+?\d(?:[\s()./-]{0,3}\d){7,}")
"""One as people write it: +375 (29) 123-45-67."""
STEERING = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ud800-\\udfff]"
)
"""Control characters, line and paragraph separators, what is invisible, what turns the direction of writing, and
surrogates that cannot be written."""

_bound: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def about(*, session: str | None = None, turn: str | None = None) -> Iterator[None]:
    """Bind the session (its `user_id`) and the turn (its message's id) to every line logged inside the block."""
    given = {"session": _shown(session) if session else None, "turn": turn}
    before = _bound.set({**_bound.get(), **{name: value for name, value in given.items() if value}})
    try:
        yield
    finally:
        _bound.reset(before)


@lru_cache(maxsize=1024)
def _shown(session: str) -> str:
    """Kept, since a turn is bound to its session in several places."""
    return on_one_line(masked_id(session))


def bound() -> Mapping[str, str]:
    """What is bound where this is called: `session` and `turn`, as far as they are known."""
    return _bound.get()


def on_one_line(text: str) -> str:
    """With everything that could steer a terminal, hide something or begin a line written out: `\\n`, `\\x1b`."""
    return STEERING.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def masked(text: str) -> str:
    """With the middle of every long number hidden: `+375291234567` is `+37529***4567`."""
    return NUMBER.sub(r"\1***\2", text) if LONG.search(text) else text


def masked_id(text: str) -> str:
    """An id, or a path with one, with the middle of every number hidden, however it is written.

    TalkMe may know a caller by nothing but his number.
    """
    return masked(WRITTEN.sub(_in_one, text))


def _in_one(match: re.Match[str]) -> str:
    return "".join(char for char in match[0] if char in "+0123456789")
