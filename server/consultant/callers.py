"""What a caller says of himself: name, gender, telephone number."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers

from server.consultant.names import introduced
from server.consultant.numerals import dialled

FEMALE = re.compile(
    r"\bя\s+(?:бы\s+)?(?:\w+\s+){0,2}?(?:хотела|была|записалась|звонила|делала|пришла|забыла|потеряла|думала|решила|слышала|"
    r"видела|узнала|читала|купила|собиралась|опоздала|смогла|могла|ждала|рада|готова|согласна)\b"
    r"|^(?:\W|здравствуйте|добрый день|алло|да)*хотела\b|\bхотела бы\b",
    re.IGNORECASE,
)
MALE = re.compile(
    r"\bя\s+(?:бы\s+)?(?:\w+\s+){0,2}?(?:хотел|был|записался|звонил|делал|пришёл|пришел|забыл|потерял|думал|решил|слышал|"
    r"видел|узнал|читал|купил|собирался|опоздал|смог|мог|ждал|рад|готов|согласен)\b"
    r"|^(?:\W|здравствуйте|добрый день|алло|да)*хотел\b|\bхотел бы\b",
    re.IGNORECASE,
)
LONGEST = 15
"""Digits of a telephone number (E.164)."""


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
    for digits in dialled(text):
        if len(digits) <= LONGEST and (number := _valid(digits, region)):
            return number
    return None


def _gender(text: str) -> str | None:
    """From the forms of verbs that only a woman or only a man uses of himself: «я хотела бы»."""
    female, male = FEMALE.search(text), MALE.search(text)
    if bool(female) == bool(male):
        return None
    return "female" if female else "male"


def _valid(digits: str, region: str) -> str | None:
    for written in (digits, f"+{digits}"):
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None
