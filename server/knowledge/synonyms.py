"""How callers say what the files call otherwise: «апельсиновая корка» is looked for as «целлюлит» too.

There are two lists of the same form: `everyday.txt` beside this file, which is about the body and its care in
everyday Russian and is there for everybody, and the company's own, a file of its knowledge folder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from server.knowledge.words import dictionary_form, lemmas, words

FILE_NAMES = frozenset({"синонимы.xlsx", "synonyms.xlsx", "синонимы.txt", "synonyms.txt"})
"""Files of the knowledge folder that are no knowledge but synonyms; capital letters make no difference."""
_EVERYDAY = Path(__file__).with_name("everyday.txt")


@dataclass(frozen=True, slots=True)
class Synonym:
    """Who says one of `said` means `meant`. Both are words or short phrases, in any form."""

    meant: tuple[str, ...]
    said: tuple[str, ...]
    source: str = ""
    """The company's file that says so, by its path in the knowledge folder."""


def is_synonyms(path: Path) -> bool:
    """Whether the file is the company's list of synonyms."""
    return path.name.lower() in FILE_NAMES


def of_lines(lines: Iterable[str]) -> Iterator[Synonym]:
    """From `meant, meant = said, said` lines; blank lines, `#` lines and lines without `=` say nothing."""
    for line in lines:
        meant, sign, said = line.partition("=")
        if sign and not line.lstrip().startswith("#"):
            yield from _synonym(meant, said)


def of_rows(rows: Iterable[Sequence[str]]) -> Iterator[Synonym]:
    """From the rows of a table: the first cell is meant, the others are said. A cell may hold several, with commas."""
    for meant, *said in rows:
        yield from _synonym(meant, ",".join(said))


def _synonym(meant: str, said: str) -> Iterator[Synonym]:
    found = Synonym(_phrases(meant), _phrases(said))
    if found.meant and found.said:
        yield found


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase for part in text.replace(";", ",").split(",") if (phrase := " ".join(part.split())))


@cache
def everyday() -> tuple[Synonym, ...]:
    """The list that is there for everybody."""
    return tuple(of_lines(_EVERYDAY.read_text(encoding="utf-8").splitlines()))


def spoken(synonyms: Iterable[Synonym]) -> Iterator[str]:
    """All words of them."""
    for synonym in synonyms:
        for phrase in (*synonym.meant, *synonym.said):
            yield from words(phrase)


class Synonyms:
    """Ready to be asked. Immutable once built; safe to use from several threads."""

    def __init__(self, own: Iterable[Synonym], everyday: Iterable[Synonym], known: Collection[str]) -> None:
        """`known` holds the lemmas of the knowledge base: what it does not speak of is never meant, and what it calls
        as callers do, itself, needs no everyday synonym: only the company knows better."""
        self._known = known
        self._meant: dict[frozenset[str], list[str]] = {}
        self._first: dict[str, list[frozenset[str]]] = {}
        for synonym in own:
            self._add(synonym, set())
        for synonym in everyday:
            self._add(synonym, known)

    def _add(self, synonym: Synonym, spoken: Collection[str]) -> None:
        meant = [phrase for phrase in synonym.meant if (of := lemmas(phrase)) and all(one in self._known for one in of)]
        for said in synonym.said:
            forms = frozenset(map(dictionary_form, words(said)))
            if meant and forms and not (len(forms) == 1 and next(iter(forms)) in spoken):
                self._meant.setdefault(forms, []).extend(meant)
                self._first.setdefault(min(forms), []).append(forms)

    def widened(self, query: str) -> str:
        """The query, with what is meant by its words behind it where it does not say that itself.

        All words of a phrase must be there, in any form and order.
        """
        said = set(map(dictionary_form, words(query)))
        found = [forms for form in said for forms in self._first.get(form, ()) if forms <= said]
        ordered = sorted(set(found), key=lambda forms: (-len(forms), min(forms)))
        meant = dict.fromkeys(phrase for forms in ordered for phrase in self._meant[forms])
        new = [phrase for phrase in meant if not set(lemmas(phrase)) <= said]
        return " ".join([query, *new])
