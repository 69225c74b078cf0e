"""Long replies in parts that TalkMe takes, cut where a listener expects a pause."""

from __future__ import annotations

import re

SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
WORD_END = re.compile(r"\s+")


def split(text: str, limit: int) -> list[str]:
    """The text in parts of at most `limit` characters, cut at sentence ends; a sentence that is longer is cut at
    words, a word that is longer at the limit. Nothing but white space at the cuts is left out."""
    parts: list[str] = []
    for piece in _pieces(text.strip(), limit):
        if parts and len(parts[-1]) + 1 + len(piece) <= limit:
            parts[-1] += " " + piece
        elif piece:
            parts.append(piece)
    return parts


def _pieces(text: str, limit: int) -> list[str]:
    """Sentences that fit, and fragments of those that do not."""
    if len(text) <= limit:
        return [text]
    for boundary in (SENTENCE_END, WORD_END):
        if len(found := boundary.split(text)) > 1:
            return [piece for part in found for piece in _pieces(part, limit)]
    return [text[start : start + limit] for start in range(0, len(text), limit)]
