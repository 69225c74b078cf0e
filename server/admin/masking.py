"""A session without what tells who the caller is, for those who are shown it outside."""

from __future__ import annotations

import re
from itertools import groupby

from server.admin.answers import SessionWithTranscript
from server.consultant.morphology import parses
from server.consultant.numerals import VALUES
from server.errors import unquoted
from server.knowledge.words import names_a_person
from server.observability.about import masked_id

HIDDEN = "***"
NUMBER = re.compile(r"\+?\d(?:[\s()\-.]{0,2}\d){6,}")
"""Seven digits and more, however they are grouped: a telephone number, or a document's."""
ADDRESS = re.compile(r"\S+@\S+")
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
DICTATED = 5
"""Number words in a row from which on they are a number that was dictated."""
STEM = 3
"""Letters at least by which a name is known in its other cases."""


def without_personal_data(session: SessionWithTranscript) -> SessionWithTranscript:
    """The same with names, numbers and addresses of the net hidden, in the texts too."""
    name = session.client_name
    lines = [
        line.model_copy(
            update={
                "text": _hidden(line.text, name),
                "original": None if line.original is None else _hidden(line.original, name),
                "reason": line.reason and unquoted(line.reason),
            }
        )
        for line in session.transcript
    ]
    return session.model_copy(
        update={
            "user_id": masked_id(session.user_id),
            "session_id": masked_id(session.session_id),
            "client_name": name and _initial(name),
            "phone_number": session.phone_number and masked_id(session.phone_number),
            "transcript": lines,
        }
    )


def _hidden(text: str, name: str | None) -> str:
    text = NUMBER.sub(HIDDEN, ADDRESS.sub(HIDDEN, text))
    stems = [part.casefold()[: max(STEM, len(part) - 1)] for part in (name or "").split()]

    def word(match: re.Match[str]) -> str:
        said = match[0]
        own = any(said.casefold().startswith(stem) and len(said) <= len(stem) + 3 for stem in stems)
        return _initial(said) if own or names_a_person(said) else said

    return _without_dictated(WORD.sub(word, text))


def _without_dictated(text: str) -> str:
    """Long rows of number words hidden. What stands between words is kept as it is."""
    kept: list[str] = []
    for numbers, group in groupby(re.split(r"(?<=\s)", text), _is_number):
        parts = list(group)
        kept += [HIDDEN + " "] if numbers and len(parts) >= DICTATED else parts
    return "".join(kept).rstrip() if text == text.rstrip() else "".join(kept)


def _is_number(part: str) -> bool:
    word = part.strip(" ,.;:!?\n\t")
    return bool(word) and (word.isdigit() or any(parse.normal_form in VALUES for parse in parses(word.casefold())))


def _initial(name: str) -> str:
    return name[0] + HIDDEN
