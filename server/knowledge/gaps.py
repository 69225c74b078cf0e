"""What callers asked, without who asked: made nameless before it is stored, put together before it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.knowledge.words import dictionary_form, lemmas, names_a_person, part_of_speech, words
from server.models import Asked

LONGEST = 200
"""Characters of a question that are stored: who tells more tells of himself."""
ALIKE = 0.6
"""Share of common words (Dice's coefficient of their lemmas) from which on two questions are one."""
_NUMBER = "NUMR"
_COUNTING = 3
"""Number words in a row from which on they are a telephone number and not «две процедуры»."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions that ask the same. `last_at` is Unix seconds."""

    question: str
    """The most asked of them."""
    count: int
    """How often they were asked together."""
    confidence: float
    """Of the search for the most asked one, 0 to 1."""
    last_at: float
    also: tuple[str, ...]
    """The others in words."""


def nameless(text: str) -> str | None:
    """The words of a question without digits, addresses of the net, names of people, and numbers told word by word.

    None where nothing is left that asks about something. What speech recognition has written in small letters, and no
    dictionary of names has, cannot be told from the name of a service; the caller's introduction is to be left out
    before.
    """
    kept = [word for part in text.split() if not _is_address(part) for word in words(part)]
    kept = [word for word in kept if not word.isdigit() and not names_a_person(word)]
    numbers = [word for word in kept if part_of_speech(word) == _NUMBER]
    if len(numbers) >= _COUNTING:
        kept = [word for word in kept if word not in numbers]
    said = " ".join(kept)[:LONGEST].strip()
    return said if lemmas(said) else None


def _is_address(part: str) -> bool:
    return "@" in part or "://" in part or (any(map(str.isdigit, part)) and any(map(str.isalpha, part)))


def grouped(questions: Sequence[Asked], understood: Callable[[str], str] = str) -> list[Gap]:
    """Those that ask the same together, the most asked first. `understood` says what a question is looked for as, so
    that one and the same misheard twice is one."""
    groups: list[tuple[frozenset[str], list[Asked]]] = []
    for one in sorted(questions, key=lambda one: (-one.count, -one.last_at, one.text)):
        said = _subject(understood(one.text)) or _subject(one.text)
        group = next((members for of, members in groups if _alike(said, of)), None)
        if group is None:
            groups.append((said, [one]))
        else:
            group.append(one)
    return sorted(map(_gap, (members for _, members in groups)), key=lambda gap: (-gap.count, -gap.last_at))


def _gap(members: list[Asked]) -> Gap:
    first, *others = members
    return Gap(
        first.text,
        sum(one.count for one in members),
        first.confidence,
        max(one.last_at for one in members),
        tuple(one.text for one in others),
    )


def _subject(text: str) -> frozenset[str]:
    return frozenset(lemmas(text)) or frozenset(map(dictionary_form, words(text)))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return 2 * len(one & other) >= ALIKE * (len(one) + len(other))
