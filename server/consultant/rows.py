"""A document of the knowledge base as one would tell it on the phone."""

from __future__ import annotations

import re

from server.knowledge.base import Document
from server.knowledge.price import asks_price

TITLE = re.compile(r"услуг|названи|наименован|процедур|аппарат|оборудован|вопрос|направлен", re.IGNORECASE)
ANSWER = re.compile(r"ответ", re.IGNORECASE)
PRICE = re.compile(r"цен|стоимост|прайс", re.IGNORECASE)
DURATION = re.compile(r"длительн|продолжительн|время|минут", re.IGNORECASE)
DESCRIPTION = re.compile(r"описан|назначен|подробн|комментар|примечан", re.IGNORECASE)

NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
ROUBLES = re.compile(r"(?<=\d)\s*(?:бел\.?\s*)?(?:руб(?:\.|л[яей]+\b|\b)|р\.|р\b|byn\b)", re.IGNORECASE)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
LONGEST = 400
"""Characters of a text section that are told; about 25 seconds of speech."""


def told(document: Document, question: str) -> str:
    """The answer to `question` that stands in the document, in whole sentences."""
    if not document.fields:
        return _beginning(_without_heading(document))
    if answer := _value(document, ANSWER):
        return _sentence(answer)
    title, price = _title(document), _value(document, PRICE)
    description = _value(document, DESCRIPTION)
    sentences = []
    if price:
        sentences.append(_sentence(f"{title} — {_roubles(price)}{_lasting(document)}"))
    if description and not (price and asks_price(question)):
        sentences.append(_sentence(description if price else f"{title}: {description}"))
    return " ".join(sentences) or _sentence(", ".join(f"{name.lower()}: {value}" for name, value in document.fields))


def _title(document: Document) -> str:
    return _value(document, TITLE) or document.fields[0][1]


def _value(document: Document, column: re.Pattern[str]) -> str | None:
    return next((value for name, value in document.fields if column.search(name)), None)


def _roubles(price: str) -> str:
    """The price with its currency as a word: «60» and «60 руб.» become «60 рублей»."""
    if NUMBER.fullmatch(price):
        return f"{price} {_counted(price, 'рубль', 'рубля', 'рублей')}"
    return ROUBLES.sub(" рублей", price)


def _lasting(document: Document) -> str:
    duration = _value(document, DURATION)
    if not duration:
        return ""
    if NUMBER.fullmatch(duration):
        duration = f"{duration} {_counted(duration, 'минута', 'минуты', 'минут')}"
    return f", длительность {duration.replace('мин.', 'минут')}"


def _counted(number: str, one: str, few: str, many: str) -> str:
    """The form of a noun after a number: 1 рубль, 2 рубля, 5 рублей, 4,20 рубля."""
    if not number.isdigit():
        return few
    if int(number) % 100 in range(11, 15):
        return many
    return {1: one, 2: few, 3: few, 4: few}.get(int(number) % 10, many)


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _without_heading(document: Document) -> str:
    """A section's words without the line that only says where it stands."""
    first, _, rest = document.text.partition("\n")
    return rest if rest and first.endswith(document.location) else document.text


def _beginning(text: str) -> str:
    """As many whole sentences as may be told."""
    told = ""
    for sentence in SENTENCE_END.split(" ".join(text.split())):
        if told and len(told) + len(sentence) > LONGEST:
            break
        told = f"{told} {sentence}".strip()
    return _sentence(told)
