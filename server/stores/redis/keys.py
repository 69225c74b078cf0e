"""The names of the keys, which `docs/redis.md` describes."""

from __future__ import annotations

from typing import cast

PREFIX = "iteira"


def key(*parts: str) -> str:
    return ":".join((PREFIX, *parts))


def strings(answer: object) -> list[str]:
    """A list of names: redis-py's types leave open what `decode_responses` has decided."""
    return cast("list[str]", answer)
