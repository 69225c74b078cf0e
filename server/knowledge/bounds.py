"""How much one file of the knowledge base may cost: anybody may have sent it to the staff who saved it there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FILES = 1000
"""Files of the folder that are read, in the order of their names; of more the status says so."""
TOLD = 100
"""Files that could not be read which the status names; of more it says how many they are."""
LONGEST = 20_000
"""Characters of one row or piece of text; nobody could be told more, and no model reads it."""
COUNTED_AS_ONE = 1500
"""Characters of a row or piece of text that count as one document: about what an embedding model reads at once."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is over one of these is reported and skipped, and what was read of the file before is kept."""

    size: int = 20 * 1024 * 1024
    """Bytes of one file on the disk."""
    seconds: float = 30
    """How long reading one file may take."""
    memory: int = 512 * 1024 * 1024
    """Bytes of address space of the process that reads, of which it needs about a tenth for itself."""
    documents: int = 20_000
    """Rows and pieces of text of all files together; a long one counts once for each `COUNTED_AS_ONE` characters."""


def counted(texts: Iterable[str]) -> int:
    """As how many documents they count."""
    return sum(1 + len(text) // COUNTED_AS_ONE for text in texts)


def megabytes(size: int) -> str:
    """Bytes as people say them: `20 MB`."""
    return f"{size / 1024**2:.4g} MB"
