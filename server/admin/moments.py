"""Moments in questions to the administration."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator

NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)


def _not_a_number(value: object) -> object:
    """A number could be seconds or milliseconds, and pydantic would guess which."""
    if isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value.strip())):
        raise ValueError("expected ISO 8601, such as 2025-09-01T12:00:00+03:00")
    return value


Moment = Annotated[datetime, BeforeValidator(_not_a_number)]
"""ISO 8601. Without a zone it is local time, as who types it means it."""


def unix(at: datetime | None) -> float | None:
    """Unix seconds."""
    return at.timestamp() if at else None
