"""Numbers in Russian speech: digits and words alike, «48», «сорок восемь» and «сорока восьми»."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from server.consultant.morphology import parses
from server.knowledge.words import plain

UNITS = ("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять")
FIRST_TEENS = ("десять", "одиннадцать", "двенадцать", "тринадцать", "четырнадцать", "пятнадцать", "шестнадцать")
TEENS = (*FIRST_TEENS, "семнадцать", "восемнадцать", "девятнадцать")
TENS = ("двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто")
HUNDREDS = ("сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот")
VALUES: dict[str, float] = {
    **{word: float(at) for at, word in enumerate(UNITS)},
    **{word: float(at) for at, word in enumerate(TEENS, 10)},
    **{word: 10.0 * at for at, word in enumerate(TENS, 2)},
    **{word: 100.0 * at for at, word in enumerate(HUNDREDS, 1)},
    "тысяча": 1000.0,
    "миллион": 1e6,
    "полтора": 1.5,
    "полтораста": 150.0,
    "нуль": 0.0,
}
PARTS_OF_SPEECH = {"NUMR", "NOUN", "ADJF"}
TOKEN = re.compile(r"\d+(?:[ \u00a0\u202f]\d{3}(?!\d))*(?:[.,]\d+)?|[^\W\d_]+")
DIGIT = re.compile(r"\d")
ROUBLES = re.compile(r"\s*руб(?:\.|л[а-я]+)\s+(?:и\s+)?", re.IGNORECASE)
KOPECKS = re.compile(r"\s*коп", re.IGNORECASE)
BETWEEN = re.compile(r"[\s()+\-–.,]*")
PHONE_DIGITS = 7
"""Digits from which on numbers that follow each other may be a telephone number."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number and where it stands in the text."""

    value: float
    start: int
    end: int
    spelled: bool
    """In words."""
    digits: str
    """As one would dial it: «ноль сорок четыре» is three numbers, 0, 40 and 4 would be 044."""


@lru_cache(maxsize=256)
def numbers(text: str) -> tuple[Number, ...]:
    """All numbers in the order of the text. Ordinals («пятый») are none; roubles and kopecks are one.

    Kept for a while: who speaks, who guards and who listens look at the same words.
    """
    if not DIGIT.search(text) and _forms().keys().isdisjoint(TOKEN.findall(plain(text))):
        return ()
    found: list[Number] = []
    for token in TOKEN.finditer(text):
        number = _number(token)
        if number is None:
            continue
        between = text[found[-1].end : number.start] if found else ""
        if found and ROUBLES.fullmatch(between) and KOPECKS.match(text, number.end):
            found[-1] = _with_kopecks(found[-1], number)
        elif found and (joined := _joined(found[-1], number, between)):
            found[-1] = joined
        else:
            found.append(number)
    return tuple(found)


def dialled(text: str) -> Iterator[str]:
    """The digits of what may be telephone numbers: numbers with nothing but spaces and signs between them."""
    for groups in in_a_row(text):
        digits = "".join(groups)
        if len(digits) >= PHONE_DIGITS:
            yield digits


def in_a_row(text: str) -> Iterator[list[str]]:
    """Numbers with nothing but spaces and signs between them, each as its digits."""
    run: list[Number] = []
    for number in numbers(text):
        if run and not BETWEEN.fullmatch(text[run[-1].end : number.start]):
            yield [each.digits for each in run]
            run = []
        run.append(number)
    if run:
        yield [each.digits for each in run]


def _number(token: re.Match[str]) -> Number | None:
    word = token[0]
    if word[0].isdecimal():
        written = re.sub(r"\s", "", word)
        return Number(float(written.replace(",", ".")), token.start(), token.end(), False, re.sub(r"\D", "", written))
    value = _forms().get(plain(word))
    return None if value is None else Number(value, token.start(), token.end(), True, f"{value:g}")


def _with_kopecks(roubles: Number, kopecks: Number) -> Number:
    """«43 рубля 50» before «копеек» is one price, 43,5."""
    value = roubles.value + kopecks.value / 100
    return Number(value, roubles.start, kopecks.end, roubles.spelled, f"{value:.15g}".replace(".", ""))


def _joined(left: Number, right: Number, between: str) -> Number | None:
    """Two words as one number, where the second goes on from the first: «триста» «сорок», «две» «тысячи»."""
    if not (left.spelled and right.spelled and between.isspace()):
        return None
    if right.value in (1e3, 1e6) and 0 < left.value < right.value:
        value = left.value * right.value
    elif left.value and 0 < right.value < _room(left.value):
        value = left.value + right.value
    else:
        return None
    return Number(value, left.start, right.end, True, f"{value:.15g}")


def _room(value: float) -> float:
    """What may be added to a number must be less than this: 1000 after 2000, 100 after 300, 10 after 40."""
    room = next((room for room in (1e6, 1e3, 100.0) if value % room == 0), None)
    if room is None:
        room = 10.0 if value % 10 == 0 and value % 100 != 10 else 0.0
    return room


@cache
def _forms() -> dict[str, float]:
    """Every form of every numeral."""
    forms: dict[str, float] = {}
    for word, value in VALUES.items():
        parse = next(
            (p for p in parses(word) if p.tag.POS in PARTS_OF_SPEECH and p.normal_form.replace("ё", "е") == word), None
        )
        for form in parse.lexeme if parse else ():
            forms.setdefault(str(form.word).replace("ё", "е"), value)
        forms[word] = value
    return forms
