"""What of a document is searched."""

from __future__ import annotations

from collections.abc import Sequence

from server.knowledge.abbreviations import values
from server.knowledge.base import Document

_NAMING = 2
"""Values at the beginning of a row that say what it is: group and name."""


def head(told: Sequence[str]) -> list[str]:
    """The values of a row that are words, in order: what it is about stands first. Addresses of pages are none."""
    return [value for value in told if any(map(str.isalpha, value)) and "://" not in value]


def searched(document: Document) -> str:
    """The words in which a document is looked for: of a row its values, for its column names stand in every row.

    Those of its group and name count twice: «нижняя треть» in a name is worth more than in a neighbour's description.
    """
    told = values(document)
    return "\n".join([*told, *head(told)[:_NAMING]] if document.fields else told)
