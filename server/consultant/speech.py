"""Text that reads well aloud: without Markdown, emoji and addresses of pages, with everything spelled out.

The consultant's own words are kept beside the spoken ones (`models.Reply.original`).
"""

from __future__ import annotations

import re
import unicodedata

from server.consultant.pronounced import pronounced

LINK = re.compile(r"!?\[([^\]]{0,500})\]\([^)]*\)")
URL = re.compile(r"\(?\b(?:https?://|www\.)\S+[^\s.,;:!?)]\)?")
LINE_MARK = re.compile(r"^\s*(?:#{1,6}|[-*•–—]|>|\d+[.)])\s+", re.MULTILINE)
RULE = re.compile(r"^[-*_=|:\s]{3,}$", re.MULTILINE)
EMPHASIS = re.compile(r"(\*\*|__|\*|`{1,3}|~~)(?=\S)(.{1,500}?)(?<=\S)\1", re.DOTALL)
"""Nothing longer is emphasised: for a mark that stands alone the whole rest would be searched."""
LEFTOVER = re.compile(r"`+|\*\*|(?<!\d)\*(?!\d)|\|")
SPACES = re.compile(r"\s+(?=[.,!?;:…]|$)|(?<=\s)\s+")
SPACES_SIGNS = tuple(f" {behind}" for behind in " .,!?;:…")
"""One of these, or white space that is no space, is there where `SPACES` finds something before the end."""
ORDINARY = re.compile(r"[\w\s.,:;!?…()«»\"'%/–—-]*")
"""Nothing that cannot be heard is among these, and no mark but a line's own: most answers need not be looked at sign by
sign."""


def spoken(text: str) -> str:
    """The words of an answer on one line; a line that ends without a full stop gets one."""
    marked = ORDINARY.fullmatch(text) is None or "__" in text
    if marked:
        text = LINK.sub(r"\1", text)
    if "://" in text or "www." in text:
        text = URL.sub("", text)
    text = LINE_MARK.sub("", RULE.sub("", text))
    if marked:
        text = LEFTOVER.sub(" ", EMPHASIS.sub(r"\2", text))
    sentences = [_ended(pronounced(line)) for line in text.splitlines() if line.strip()]
    said = " ".join(sentences)
    if not ORDINARY.fullmatch(said):
        said = "".join(filter(_audible, said))
    if not said.isprintable() or any(map(said.__contains__, SPACES_SIGNS)):
        said = SPACES.sub("", said)
    said = said.strip()
    return said if any(map(str.isalnum, said)) else ""


def _ended(line: str) -> str:
    line = line.strip()
    return line if not line or line[-1] in '.!?…:;,»"' else line + "."


def _audible(char: str) -> bool:
    """Emoji and other symbols are not."""
    category = unicodedata.category(char)
    return category not in {"So", "Sk", "Cf", "Cc", "Cs", "Co", "Cn", "Mn"} or char.isspace()
