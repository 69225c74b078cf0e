"""Text that reads well aloud: without Markdown, emoji and addresses of pages, which nobody can hear."""

from __future__ import annotations

import re
import unicodedata

LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
URL = re.compile(r"\(?\bhttps?://\S+[^\s.,;:!?)]\)?")
LINE_MARK = re.compile(r"^\s*(?:#{1,6}|[-*•–—]|>|\d+[.)])\s+", re.MULTILINE)
EMPHASIS = re.compile(r"(\*\*|__|\*|`+)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
SPACES = re.compile(r"\s+(?=[.,!?;:…]|$)|(?<=\s)\s+")


def spoken(text: str) -> str:
    """The words of an answer on one line; a line that ends without a full stop gets one."""
    text = URL.sub("", LINK.sub(r"\1", text))
    text = EMPHASIS.sub(r"\2", LINE_MARK.sub("", text))
    sentences = [_ended(line) for line in text.splitlines() if line.strip()]
    return SPACES.sub("", "".join(filter(_audible, " ".join(sentences)))).strip()


def _ended(line: str) -> str:
    line = line.strip()
    return line if line[-1] in '.!?…:;,»"' else line + "."


def _audible(char: str) -> bool:
    """Emoji and other symbols are not; signs that are read out (№, +, %, °, currencies) are."""
    category = unicodedata.category(char)
    return category not in {"So", "Sk", "Cf", "Cc", "Cs", "Co", "Cn"} or char in "№°" or char.isspace()
