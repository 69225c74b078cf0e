"""Text from outside as it may be stored, spoken and shown."""

from __future__ import annotations

import re
import unicodedata

BREAKS = re.compile(r"[\r\n\t\v\f\u2028\u2029]+")


def clean(text: str) -> str:
    """NFC without control, format and surrogate characters; line breaks and tabs become spaces, ends are trimmed."""
    if not text.isprintable():  # most text is, and then has none of them
        text = "".join(char for char in BREAKS.sub(" ", text) if can_be_shown(char))
    return unicodedata.normalize("NFC", text).strip()


def can_be_shown(text: str) -> bool:
    """Whether it has no control, format, surrogate or private character."""
    return not any(unicodedata.category(char).startswith("C") for char in text)
