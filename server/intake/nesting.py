"""How deep JSON is nested, told without reading it: what reads it goes down with it, and may not come back."""

from __future__ import annotations

import re

STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def deeper_than(limit: int, raw: bytes) -> bool:
    """Whether arrays and objects stand in each other more than `limit` deep. It need not be JSON."""
    if raw.count(b"[") + raw.count(b"{") <= limit:  # true of every message that is one
        return False
    depth = 0
    for byte in STRING.sub(b"", raw):
        depth += (byte in b"[{") - (byte in b"]}")
        if depth > limit:
            return True
    return False
