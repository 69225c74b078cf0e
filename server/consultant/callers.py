"""What a caller says of himself: name, gender, telephone number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice

import phonenumbers

from server.consultant.morphology import parses
from server.consultant.names import GENDERS, introduced
from server.consultant.numerals import in_a_row
from server.knowledge.words import words

OF_THEMSELVES = frozenset(
    re.findall(
        r"\w+",
        """хотеть звонить позвонить записаться записываться делать сделать прийти приходить быть забыть потерять думать
        решить слышать услышать видеть увидеть узнать читать купить собираться опоздать смочь мочь ждать дозвониться
        получить перенести отменить интересоваться спрашивать уточнить оставить пользоваться ходить найти записать
        рад готовый согласный должный записанный""",
    )
)
"""Lemmas of what callers say of themselves, even without «я»: «хотела бы записаться»."""
OPENERS = frozenset(
    re.findall(
        r"\w+",
        """здравствуйте здравствуй добрый доброе день вечер утро алло але алё привет а и ну вот это девушка да бы не там
        тут уже вчера сегодня недавно как раз просто еще ещё только у вас к вам вам пожалуйста простите извините
        подскажите скажите меня зовут мне я""",
    )
)
"""Words that may stand before such a verb when the caller is its subject."""
NEAR = 5
"""Words between «я» and its verb, at most."""
LONGEST = 15
SHORTEST = 9
"""Digits of a telephone number: at most by E.164, at least so that a price or a time is none."""

TRIED = 200
"""Rows of digits in one utterance that are looked at: who says more of them dictates no number."""


@dataclass(frozen=True, slots=True)
class Himself:
    name: str | None = None
    gender: str | None = None
    phone: str | None = None
    """E.164."""


def said_of_himself(text: str, region: str) -> Himself:
    """What can be told from one utterance. `region`: country of numbers without a country code."""
    client = introduced(text)
    gender = (client.gender if client else None) or _gender(text)
    return Himself(client.name if client else None, gender, dictated(text, region))


def dictated(text: str, region: str) -> str | None:
    """The first valid telephone number among the words, dialled in digits or in number words."""
    tried = islice(_may_be_dictated(text), TRIED)
    return next((number for digits in tried if (number := _valid(digits, region))), None)


def _may_be_dictated(text: str) -> Iterator[str]:
    """The digits that follow each other, of each beginning the longest first."""
    for groups in in_a_row(text):
        for start in range(len(groups)):
            yield from reversed([each for each in accumulate(groups[start : start + LONGEST]) if _is_as_long(each)])


def _is_as_long(digits: str) -> bool:
    return SHORTEST <= len(digits) <= LONGEST


def _gender(text: str) -> str | None:
    """From the forms of verbs that only a woman or only a man uses of himself: «я хотела бы»."""
    found = words(text)
    for at, word in enumerate(found):
        gender, lemma = _form(word)
        if gender and _of_himself(found[:at], found[at + 1 : at + 2], lemma):
            return gender
    return None


def _of_himself(before: list[str], behind: list[str], lemma: str) -> bool:
    """Whether the subject is «я», said or left out."""
    if "я" in before[-NEAR:] or behind == ["я"]:
        return not any(_is_subject(word) for word in _since(before, "я"))
    return lemma in OF_THEMSELVES and all(word in OPENERS or introduced(f"я {word}") for word in before)


def _since(before: list[str], word: str) -> list[str]:
    return before[len(before) - before[::-1].index(word) :] if word in before else []


def _is_subject(word: str) -> bool:
    """Another one: «я думаю жена записалась»."""
    tag = parses(word)[0].tag
    somebody = tag.POS == "NOUN" and "anim" in tag and "nomn" in tag
    return (somebody or tag.POS == "VERB") and not introduced(f"я {word}")


@lru_cache(maxsize=10_000)
def _form(word: str) -> tuple[str | None, str]:
    """The gender of a past tense or a short adjective, and its lemma."""
    parse = parses(word)[0]
    tag = parse.tag
    if tag.POS not in {"VERB", "ADJS", "PRTS"} or "sing" not in tag or (tag.POS == "VERB" and "past" not in tag):
        return None, ""
    return GENDERS.get(str(tag.gender)), str(parse.normal_form).replace("ё", "е")


def _valid(digits: str, region: str) -> str | None:
    for written in (digits, f"+{digits}"):
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None
