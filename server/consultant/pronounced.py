"""Abbreviations, units, times and telephone numbers in the words that a synthesiser says right."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import phonenumbers

from server.consultant.amounts import counted

NUMBER = r"(?P<number>(?<!\d)\d+(?:[ \u00a0\u202f]\d{3}(?!\d)){0,4}(?:[.,]\d+)?)"
DIGIT = re.compile(r"\d")
GENITIVE = r"(?P<genitive>\b(?:от|до|с|со|после|около|более|менее|больше|меньше|свыше|из)\s+)?"
RANGE = r"(?P<range>(?<!\d)\d+(?:[.,]\d+)?\s*[-–—]\s*)?"
"""A number is looked for where it begins: from within a long one the same would be found, each time to its end."""
PHONE = re.compile(
    r"(?<![\d+])(?:\+\d[\d\s()\-–]{8,17}\d|(?:8|375)[\s(\-]*0?\d{2}[\s)\-]*\d{3}[\s\-]*\d{2}[\s\-]*\d{2}"
    r"|\(\d{2,4}\)[\s\-]*\d{3}[\s\-]*\d{2}[\s\-]*\d{2}|\d{3}-\d{2}-\d{2})(?!\d)"
)
TIMES = re.compile(
    r"(?P<since>\bс\s+)?(?<![\d:])(?P<from>[012]?\d:[0-5]\d)\s*[-–—]\s*(?P<to>[012]?\d:[0-5]\d)(?![\d:])", re.IGNORECASE
)
TIME = re.compile(
    r"(?P<genitive>\b(?:с|со|до|от|после|около|позже|раньше)\s+)?(?<![\d:])(?P<hours>[012]?\d):(?P<minutes>[0-5]\d)(?![\d:])",
    re.IGNORECASE,
)
AMOUNT = r"(?<!\d)(?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+|\d+)"
"""Thousands apart or not."""
KOPECKS = re.compile(
    rf"{GENITIVE}(?P<number>{AMOUNT})[.,](?P<part>\d{{1,2}})\s*(?:бел\.?\s*)?"
    r"(?:руб(?:л[а-я]+\b|\.|\b)|р\.|р\b|byn\b|br\b)",
    re.IGNORECASE,
)
UNITS = [
    (r"(?:бел\.?\s*)?(?:руб(?:\.|\b)|р\.|р\b|byn\b|br\b)", ("рубль", "рубля", "рублей"), "рубля"),
    (r"₽", ("российский рубль", "российских рубля", "российских рублей"), "российского рубля"),
    (r"коп(?:\.|\b)", ("копейка", "копейки", "копеек"), "копейки"),
    (r"мин(?:\.|\b)", ("минута", "минуты", "минут"), "минуты"),
    (r"(?:ч\.|ч\b|час\.(?=\s*(?-i:[а-яё])))", ("час", "часа", "часов"), "часа"),
    (r"сек(?:\.|\b)", ("секунда", "секунды", "секунд"), "секунды"),
    (r"мес(?:\.|\b)", ("месяц", "месяца", "месяцев"), "месяца"),
    (r"%", ("процент", "процента", "процентов"), "процента"),
    (r"°\s*[CС]?", ("градус", "градуса", "градусов"), "градуса"),
    (r"мм\b\.?", ("миллиметр", "миллиметра", "миллиметров"), "миллиметра"),
    (r"см\b\.?", ("сантиметр", "сантиметра", "сантиметров"), "сантиметра"),
    (r"км\b\.?", ("километр", "километра", "километров"), "километра"),
    (r"мл\b\.?", ("миллилитр", "миллилитра", "миллилитров"), "миллилитра"),
    (r"кг\b\.?", ("килограмм", "килограмма", "килограммов"), "килограмма"),
    (r"шт(?:\.|\b)", ("штука", "штуки", "штук"), "штуки"),
]
"""A unit behind a number: its forms after 1, 2 and 5, and after «от 1»."""
WORDS = [
    (r"и\s*т\.\s?д\.", "и так далее"),
    (r"и\s*т\.\s?п\.", "и тому подобное"),
    (r"и\s+др\.", "и другие"),
    (r"т\.\s?е\.", "то есть"),
    (r"т\.\s?к\.", "так как"),
    (r"напр\.", "например"),
    (r"тел\.:?", "телефон"),
    (r"ул\.", "улица"),
    (r"(?:пр-т|просп\.|пр\.)(?=\s*(?-i:[А-ЯЁ]))", "проспект"),
    (r"пер\.(?=\s*(?-i:[А-ЯЁ]))", "переулок"),
    (r"(?-i:г)\.(?=\s*(?-i:[А-ЯЁ]))", "город"),
    (r"д\.(?=\s*\d)", "дом"),
    (r"корп\.", "корпус"),
    (r"руб\.?", "рублей"),
    (r"byn", "белорусских рублей"),
    (r"мин\.", "минут"),
]
WORDS_SIGNS = (
    "т.",
    "др.",
    "тел.",
    "ул.",
    "пр-т",
    "просп.",
    "пр.",
    "пер.",
    "г.",
    "д.",
    "корп.",
    "руб",
    "byn",
    "мин.",
)
"""Small letters of which each of the `WORDS` has some: most sentences have none, and to look for these is quick."""
SIGNS = [("№", " номер "), ("&", " и "), ("₽", " российских рублей "), ("$", " долларов "), ("€", " евро ")]


def pronounced(text: str) -> str:
    """The same text with everything spelled out that would be read letter by letter, or wrongly."""
    if DIGIT.search(text):
        text = _with_numbers(text)
    if any(map(text.lower().__contains__, WORDS_SIGNS)):
        text = _WORD.sub(lambda match: f"{_SAID_OF_WORD[str(match.lastgroup)]} ", text)
    for sign, word in SIGNS:
        text = text.replace(sign, word)
    return re.sub(r"[ \u00a0\u202f]{2,}", " ", text)


def _with_numbers(text: str) -> str:
    """What stands before, between and behind numbers in words."""
    text = PHONE.sub(lambda match: phone_aloud(match[0]), text)
    text = TIMES.sub(lambda match: f"{match['since'] or 'с '}{match['from']} до {match['to']}", text)
    text = TIME.sub(_time, text)
    text = KOPECKS.sub(_kopecks, text)
    text = _UNIT.sub(lambda match: _SAID_OF_UNIT[str(match.lastgroup)](match), text)
    text = re.sub(r"(?<![\w+])\+\s?(?=\d)", "плюс ", text)
    return re.sub(r"(?<=\d)\s*[*×xх]\s*(?=\d)", " на ", text)


def phone_aloud(number: str) -> str:
    """In groups, as one dictates it: «плюс 375 29 123 45 67»."""
    try:
        parsed = phonenumbers.parse(number)
        if phonenumbers.is_possible_number(parsed):
            number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        pass
    plus = "плюс " if number.strip().startswith("+") else ""
    groups = re.findall(r"\d+", number)
    return plus + " ".join(part for group in groups for part in _grouped(group))


def _grouped(digits: str) -> list[str]:
    """Long runs of digits in pairs from the end, with a three before them: 80291234567 is 8 029 123 45 67."""
    if len(digits) < 5:
        return [digits]
    head, tail = digits[:-7], [digits[-7:-4], digits[-4:-2], digits[-2:]]
    if len(head) > 3:
        tail.insert(0, head[-3:])
        head = head[:-3]
    return [part for part in (head, *tail) if part]


def _time(match: re.Match[str]) -> str:
    hours, minutes = str(int(match["hours"])), int(match["minutes"])
    before = match["genitive"] or ""
    if before:
        said = f"{hours} {'часа' if int(hours) % 10 == 1 and hours != '11' else 'часов'}"
    else:
        said = f"{hours} {counted(hours, 'час', 'часа', 'часов')}"
    if minutes:
        said += f" {minutes} {counted(str(minutes), 'минута', 'минуты', 'минут')}"
    return before + said


def _kopecks(match: re.Match[str]) -> str:
    """«43,5 рубля» is said «43 рубля 50 копеек», «от 4,20» «от 4 рублей 20 копеек»."""
    roubles, kopecks = match["number"], str(int(match["part"].ljust(2, "0")))
    if match["genitive"]:
        forms = [("рубля", "рублей"), ("копейки", "копеек")]
        told = [
            f"{number} {one if number.endswith('1') and not number.endswith('11') else many}"
            for number, (one, many) in zip((roubles, kopecks), forms, strict=True)
        ]
    else:
        told = [
            f"{roubles} {counted(roubles[-3:], 'рубль', 'рубля', 'рублей')}",
            f"{kopecks} {counted(kopecks, 'копейка', 'копейки', 'копеек')}",
        ]
    return (match["genitive"] or "") + " ".join(told if kopecks != "0" else told[:1])


def _unit(forms: tuple[str, str, str], after_of_one: str) -> Callable[[re.Match[str]], str]:
    one, few, many = forms

    def said(match: re.Match[str]) -> str:
        number = match["number"]
        plain = re.sub(r"\s", "", number)
        if match["genitive"] and plain.isdigit():
            unit = after_of_one if plain.endswith("1") and not plain.endswith("11") else many
        else:
            unit = counted(plain, one, few, many)
        return f"{match['genitive'] or ''}{match['range'] or ''}{number} {unit}"

    return said


def _any_of(patterns: Iterable[str]) -> str:
    """One expression for all of them, in groups `of0`, `of1`, …: looking once is cheaper than once for each."""
    return "|".join(f"(?P<of{at}>{pattern})" for at, pattern in enumerate(patterns))


_UNIT = re.compile(rf"{GENITIVE}{RANGE}{NUMBER}\s*(?:{_any_of(unit for unit, _, _ in UNITS)})(?![а-яё])", re.IGNORECASE)
_SAID_OF_UNIT = {f"of{at}": _unit(forms, of_one) for at, (_, forms, of_one) in enumerate(UNITS)}
_WORD = re.compile(rf"(?<!\w)(?:{_any_of(pattern for pattern, _ in WORDS)})(?!\w)\s*", re.IGNORECASE)
_SAID_OF_WORD = {f"of{at}": word for at, (_, word) in enumerate(WORDS)}
