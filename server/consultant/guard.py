"""The guard: numbers, prices, phones, addresses and links of an answer must come from somewhere.

Prices, percentages, addresses and links come from the retrieved rows, the company's settings or what the consultant
has said before, which has passed here too; never from the caller, who may only wish them. Other numbers may also be
the caller's, or today's date; phones also his own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from server.consultant.base import Inquiry
from server.consultant.numerals import Number, dialled, numbers
from server.consultant.rows import DURATION
from server.knowledge.base import Document
from server.knowledge.price import PRICE_COLUMN
from server.knowledge.words import lemmas, words

CURRENCY = r"(?:бел\w*\.?\s*)?(?:руб|р\b|byn\b|br\b|коп|долл|бакс|евро|usd\b|eur\b|rub\b|тенге|гривн|злот|[$€₽£])"
MONEY = re.compile(rf"\s*-?{CURRENCY}", re.IGNORECASE)
MONEY_AFTER_RANGE = re.compile(rf"\s*(?:[-–—]|до|или|и)\s*[\w\s,.]{{1,40}}?{CURRENCY}", re.IGNORECASE)
MONEY_BEFORE = re.compile(
    r"(?:\b(?:сто[иия]т\w*|стоить|стоимост\w*|цен[аыеуой]+|обойд\w+|обош\w+|плат\w+|заплат\w+)\b(?:[\s:–—-]+[^\W\d]+){0,4}"
    r"|\b(?:за|всего)(?:\s+(?:лишь|только|каких-то))?|[$€₽£])[\s:–—-]*$",
    re.IGNORECASE,
)
MONEY_REACHES = 120
"""Characters before a number that can make it a price: a word for it, and up to four others."""
PERCENT = re.compile(r"\s*-?(?:%|процент)", re.IGNORECASE)
TIME_UNIT = re.compile(r"\s*-?(?:мин|час|ч\b|сек|дн|день|дня|сут|недел|месяц|год|лет|раз\b|раза\b)", re.IGNORECASE)
FOREIGN = re.compile(r"долл|бакс|евро|российск|usd|eur\b|rub\b|тенге|гривн|злот|[$€₽£]", re.IGNORECASE)
FREE = re.compile(r"\b(?:бесплатн|даром\b|задаром|за так\b)\w*", re.IGNORECASE)
FREE_SIGNS = ("бесплатн", "даром", "за так")
TOP_LEVELS = (
    "by|ru|com|net|org|info|biz|рф|бел|io|me|online|site|shop|store|xyz|app|link|click|su|kz|ua|pl|eu|tk|cc|co|dev|ai"
)
LINK = re.compile(
    r"https?://[^\s)]+|www\.[^\s)]+|[\w.+-]{1,64}@[\w.-]+|@\w{3,}"
    rf"|\b[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,5}}\.(?:{TOP_LEVELS})\b",
    re.IGNORECASE,
)
"""No part of a name is longer (RFC 1035, 2.3.4; RFC 5321, 4.5.3.1.1)."""
SPOKEN_LINK = re.compile(
    r"[\w-]{1,63}\s+(?:точка|dot)\s+[\w-]+|[a-z][\w.-]{0,63}\s+собака\s+\w+"
    r"|\w{1,64}\s+собака\s+(?:[a-z][\w.-]*|(?:г|джи)?м[еэа]йл|яндекс|рамблер)",
    re.IGNORECASE,
)
"""A «собака» beside Russian words alone is a dog."""
DOT_INSIDE = re.compile(r"\.\w")
LINK_SIGNS = ("@", "/", "www")
SPOKEN_LINK_SIGNS = ("точка", "dot", "собака")
STREET = (
    r"(?:ул\.|улиц\w+|проспект\w*|просп\.|пр-т\w?|переул\w+|бульвар\w*|шоссе|набережн\w+|тракт\w*"
    r"|станци\w+ метро|метро)"
)
STREET_SIGNS = ("ул.", "улиц", "просп", "пр-т", "переул", "площад", "бульвар", "шоссе", "набережн", "тракт", "метро")
"""Signs are small letters without which the expression of their name finds nothing. Nearly all sentences have none, and
to look for them takes a tenth of the time."""
STREET_BEFORE = re.compile(rf"\b(?:{STREET}|[Пп]лощад\w+(?=\s+«?[А-ЯЁ]))\s+«?([А-ЯЁа-яё][а-яё-]{{2,}})")
STREET_AFTER = re.compile(
    rf"\b(?!(?-i:[а-яё])[\w-]{{1,40}}\s+площад)([А-ЯЁ][а-яё-]{{3,40}}(?:ая|ой|ую|ий|ому|ом|ого|ем))\s+(?:{STREET}|площад\w+)",
    re.IGNORECASE,
)
"""Before and behind «площадь» a small letter is no name: a tattoo has a «площадь» as well as a town."""
NO_NAME = frozenset(
    re.findall(
        r"\w+",
        "или если где есть при для что как наш ваш рядом находиться ближайший салон можно нет и больший небольшой",
    )
)
"""What may follow «улица» or «метро» and is not its name."""
CALLERS = re.compile(r"\b(?:ваш\w*|вам|вас)\b", re.IGNORECASE)
COMPANYS = re.compile(r"\b(?:наш\w*|салон\w*|звоните|позвоните|наберите|звонить)\b", re.IGNORECASE)
"""Whose telephone number a sentence gives: the caller's own may be read back to him, and not passed off as ours."""
PHONE = 9
"""Digits of a telephone number that are compared: the rest is prefixes, which are said in several ways."""
FEW = 2
"""Up to here a number word may count what the sentence itself names: «один из», «две услуги»."""
SHINGLE = 7
"""Words in a row that an answer shares with the rules only if it quotes them."""
FUNCTIONS = re.compile(r"\b(?:end_conversation|transfer_to_operator|remember_client)\b")


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a sentence must not be spoken."""

    kind: str
    """`price`, `number`, `phone`, `link`, `address`, `free` or `rules`."""
    about: str
    """The words that come from nowhere."""


class Guard:
    """Knows what is the company's own. `settings`: texts of the settings; `rules`: the instructions to a model."""

    def __init__(self, settings: Iterable[str], rules: str = "") -> None:
        self._settings = "\n".join(settings)
        self._rules = _shingles(rules)
        _facts(self._settings)  # dictionaries are read now, not in a caller's time

    def over(self, inquiry: Inquiry, today: datetime) -> Checked:
        """A guard for the answer to this inquiry."""
        return Checked(lambda: _provenance(inquiry, self._settings, today), self._rules)


@dataclass(frozen=True, slots=True)
class _Provenance:
    """What an answer may name. Texts are small letters, numbers plain values, phones digits."""

    text: str
    prices: frozenset[float]
    """For money and percentages."""
    numbers: frozenset[float]
    times: frozenset[float]
    phones: str
    """Digits of the company's telephone numbers, with spaces between."""
    callers_phones: str
    """Likewise of those that the caller has dictated or calls from."""
    stems: frozenset[str]


class Checked:
    """Looks at one sentence after the other."""

    def __init__(self, provenance: Callable[[], _Provenance], rules: frozenset[tuple[str, ...]]) -> None:
        """`provenance` is asked once there is something in a sentence that must come from somewhere."""
        self._provenance, self._rules = provenance, rules

    @cached_property
    def _known(self) -> _Provenance:
        return self._provenance()

    def objection(self, sentence: str) -> Objection | None:
        """The first thing in the sentence that comes from nowhere; None if all of it may be spoken."""
        small = sentence.lower()
        return (
            self._link(sentence, small)
            or self._address(sentence, small)
            or self._free(sentence, small)
            or self._number(sentence)
            or self._quoted(sentence)
        )

    def _link(self, sentence: str, small: str) -> Objection | None:
        like_one = _any_of(LINK_SIGNS, small) or DOT_INSIDE.search(small)
        for match in LINK.finditer(sentence) if like_one else ():
            found = re.sub(r"^(?:https?://)?(?:www\.)?", "", match[0].lower()).rstrip("/.,")
            if not re.search(rf"(?<![\w.@-]){re.escape(found)}(?![\w-])", self._known.text):
                return Objection("link", match[0])
        for match in SPOKEN_LINK.finditer(sentence) if _any_of(SPOKEN_LINK_SIGNS, small) else ():
            if match[0].lower() not in self._known.text:
                return Objection("link", match[0])
        return None

    def _address(self, sentence: str, small: str) -> Objection | None:
        if not _any_of(STREET_SIGNS, small):
            return None
        for match in (*STREET_BEFORE.finditer(sentence), *STREET_AFTER.finditer(sentence)):
            name = _stem(match[1])
            if name not in self._known.stems and _lemma(match[1]) not in NO_NAME:
                return Objection("address", match[0])
        return None

    def _free(self, sentence: str, small: str) -> Objection | None:
        match = FREE.search(sentence) if _any_of(FREE_SIGNS, small) else None
        return Objection("free", match[0]) if match and not FREE.search(self._known.text) else None

    def _number(self, sentence: str) -> Objection | None:
        named = numbers(sentence)
        if not named:
            return None
        phones = list(dialled(sentence))
        theirs = self._phones_of(sentence) if phones else ""
        for digits in phones:
            if len(digits) >= PHONE and digits[-PHONE:] not in theirs:
                return Objection("phone", digits)
        for number in named:
            if kind := self._unknown(number, sentence, phones):
                return Objection(kind, sentence[number.start : number.end])
        currency = FOREIGN.search(sentence)
        if currency and not FOREIGN.search(self._known.text):
            return Objection("price", currency[0])
        return None

    def _phones_of(self, sentence: str) -> str:
        """The digits of those numbers that it may give."""
        callers = CALLERS.search(sentence) and not COMPANYS.search(sentence)
        return f"{self._known.phones} {self._known.callers_phones}" if callers else self._known.phones

    def _unknown(self, number: Number, sentence: str, phones: list[str]) -> str | None:
        """What kind of number it is, if it is not known as such."""
        before, after = sentence[: number.start], sentence[number.end :]
        if _is_money(before, after):
            return None if number.value in self._known.prices else "price"
        if TIME_UNIT.match(after):
            return None if number.value in self._known.times or _one(number) else "number"
        if any(number.digits in digits and len(digits) >= PHONE for digits in phones):
            return None  # looked at as a whole
        few = number.spelled and number.value <= FEW
        return None if few or number.value in self._known.numbers else "number"

    def _quoted(self, sentence: str) -> Objection | None:
        if ("_" in sentence and FUNCTIONS.search(sentence)) or _shingles(sentence) & self._rules:
            return Objection("rules", "")
        return None


def _any_of(signs: Iterable[str], small: str) -> bool:
    return any(map(small.__contains__, signs))


def _one(number: Number) -> bool:
    return number.spelled and number.value == 1


@dataclass(frozen=True, slots=True)
class _Facts:
    """What one text names. `phones` are digits of what may be telephone numbers."""

    values: frozenset[float]
    phones: tuple[str, ...]
    stems: frozenset[str]


@lru_cache(maxsize=4096)
def _facts(text: str) -> _Facts:
    """Kept, since rows, settings and replies come again with every turn."""
    stems = frozenset(map(_stem, words(text)))
    return _Facts(frozenset(number.value for number in numbers(text)), tuple(dialled(text)), stems)


def _provenance(inquiry: Inquiry, settings: str, today: datetime) -> _Provenance:
    rows = [finding.document for finding in inquiry.findings.results]
    replies = [exchange.reply for exchange in inquiry.history]
    company = [*(row.text for row in rows), settings]
    own = [_facts(text) for text in (*company, *replies)]
    asked = [_facts(text) for text in (*(exchange.text for exchange in inquiry.history), inquiry.text, inquiry.summary)]
    callers = [*_phones(asked), re.sub(r"\D", "", inquiry.session.phone_number or "")]
    repeated = [digits for digits in _phones(map(_facts, replies)) if digits[-PHONE:] not in " ".join(callers)]
    general = _values(own) | _values(asked) | {float(today.day), float(today.year), float(today.month)}
    return _Provenance(
        text="\n".join((*company, *replies)).lower(),
        prices=frozenset().union(*map(_prices, rows), *map(_money, (*replies, settings))),
        numbers=general,
        times=general | _converted(general),
        phones=" ".join((*_phones(map(_facts, company)), *repeated)),
        callers_phones=" ".join(callers),
        stems=frozenset().union(*(facts.stems for facts in own)),
    )


@lru_cache(maxsize=4096)
def _prices(row: Document) -> frozenset[float]:
    """What stands in a column of prices, or is told as money or a percentage: «в один тон» is not one rouble."""
    if not row.fields:
        return _money(row.text)
    found: frozenset[float] = frozenset()
    for column, value in row.fields:
        if not column or PRICE_COLUMN.search(column):
            found |= _facts(value).values
        elif not DURATION.search(column):
            found |= _money(value)
    return found


@lru_cache(maxsize=4096)
def _money(text: str) -> frozenset[float]:
    """The numbers that a text tells as money or a percentage."""
    return frozenset(number.value for number in numbers(text) if _is_money(text[: number.start], text[number.end :]))


def _is_money(before: str, after: str) -> bool:
    if MONEY.match(after) or MONEY_AFTER_RANGE.match(after) or PERCENT.match(after):
        return True
    return bool(MONEY_BEFORE.search(before[-MONEY_REACHES:])) and not TIME_UNIT.match(after)


def _values(found: Iterable[_Facts]) -> frozenset[float]:
    return frozenset(value for facts in found for value in facts.values)


def _phones(found: Iterable[_Facts]) -> list[str]:
    return [digits for facts in found for digits in facts.phones]


def _converted(minutes: frozenset[float]) -> frozenset[float]:
    """Minutes in hours and minutes: 100 is also 1 hour and 40 minutes, 90 is one and a half."""
    whole = [value for value in minutes if 30 <= value <= 1440 and value % 1 == 0]
    hours = {value for minute in whole for value in (minute // 60, minute % 60)}
    hours |= {minute / 60 for minute in whole if minute % 30 == 0}
    return frozenset(hours | {value * 60 for value in minutes if value <= 24})


def _lemma(word: str) -> str:
    return next(iter(lemmas(word)), word.lower())


def _stem(word: str) -> str:
    """Letters that cases leave alone: «Козлова», «Козлову»."""
    small = word.lower().replace("ё", "е")
    return small[: max(4, len(small) - 3)]


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    found = words(text)
    return frozenset(tuple(found[at : at + SHINGLE]) for at in range(len(found) - SHINGLE + 1))
