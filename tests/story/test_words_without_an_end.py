"""A model may say anything: what looks at its words takes time in proportion to them.

The texts are so long that whatever looks at each part of them from each other part does not come to its end here.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from server.consultant.base import Inquiry
from server.consultant.guard import Checked, Guard
from server.consultant.sentences import Sentences
from server.consultant.speech import spoken
from server.knowledge.base import Findings
from server.models import Session

LONG = 100_000
"""Characters."""


def long(part: str) -> str:
    return part * (LONG // len(part))


def checked() -> Checked:
    session = Session("anna", "anna", 0, 0, 0)
    inquiry = Inquiry(session, (), "Сколько стоит?", Findings("Сколько стоит?", 0.0, ()))
    return Guard(["Итейра, 1 салон"]).over(inquiry, datetime(2026, 11, 25))


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        (long("1"), long("1") + "."),
        (long("375 ") + "x", long("375 ") + "x."),
        (long("`"), ""),
        (long("[") + "x", long("[") + "x."),
        ("x" + long(" *a"), "x" + long(" *a").replace("*", "") + "."),
        ("x" + long(" ") + "x", "x x."),
    ],
    ids=["a digit", "numbers", "quotes", "brackets", "stars", "spaces"],
)
def test_all_of_it_is_made_fit_to_be_spoken(written: str, heard: str) -> None:
    assert spoken(written) == heard


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        (long("1 а "), None),
        (long("a."), None),
        (long("а") + " точка", None),
        (long("a+") + "@", None),
        (long("А-") + "ая метро", "address"),
        (long("a.") + "com", "link"),
        (long("1 а ") + "49 рублей", "price"),
    ],
    ids=["numbers", "dots", "letters", "pluses", "an address", "a link at its end", "a price at its end"],
)
def test_all_of_it_is_looked_at_by_the_guard(sentence: str, kind: str | None) -> None:
    found = checked().objection(sentence)
    assert (found and found.kind) == kind


@pytest.mark.parametrize("part", ["…", "г. ", "а"], ids=["dots", "abbreviations", "letters"])
def test_its_sentences_are_found(part: str) -> None:
    sentences = Sentences()
    assert sentences.add(long(part) + ". Да. Нет") == [long(part) + ".", "Да."]
    assert sentences.rest() == ["Нет"]


def test_what_was_decided_of_a_sentence_is_not_looked_at_again_with_each_letter() -> None:
    sentences = Sentences()
    for letter in "г. " * 3000:
        assert sentences.add(letter) == []
    assert sentences.add("Минске. Да") == ["г. " * 3000 + "Минске."]
