"""What is searched for: the caller's words, and what they go on from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from server.consultant.intents import Intent, intent
from server.consultant.names import without_introduction
from server.knowledge.price import asks_price
from server.knowledge.words import lemma_of, lemmas, part_of_speech, words
from server.models import Exchange

GOING_ON = frozenset(
    re.findall(
        r"\w+",
        """вариант время выйти выходить выходной деньга день держаться длиться длительность занимать занять идти
        минута получаться получиться продолжаться процедура прийти раз рубль сеанс уйти услуга уходить хватать
        хватить час понедельник вторник среда четверг пятница суббота воскресенье""",
    )
)
"""Lemmas of nouns and verbs that ask something about a thing without naming it."""
DETAILS = frozenset(
    [
        "время",
        "деньга",
        "дешевый",
        "дешево",
        "длиться",
        "длительность",
        "долгий",
        "долго",
        "дорогой",
        "дорого",
        "занимать",
        "занять",
        "минута",
        "недорого",
        "недорогой",
        "подешевле",
        "рубль",
        "час",
    ]
)
"""Lemmas of what the row of a service says in any case: searching for them only blurs what the service is."""
NAMING = frozenset({"NOUN", "VERB", "INFN", "GRND", "PRTF", "PRTS", ""})
"""Parts of speech that can name what is asked about; the empty one is that of foreign words."""
CIRCUMSTANCE = re.compile(
    r"(?:(?:а|и|ну|нет|да)\s+)*(?:в|во|на|по|у|с|со|для|за|к|от|до|после|перед|без|около)\s", re.I
)
"""The beginning of «а в Новой Боровой?» and «а для мужчин?»: where or for whom, not what."""
SENTENCE = frozenset({"VERB", "INFN", "PRED"})
"""Parts of speech that make a sentence of it; so does «сколько»."""


APPOINTMENT = "Как записаться, перенести или отменить запись?"
"""What the company's files can say to someone who wants an appointment, whatever the service."""


def query(text: str, history: Sequence[Exchange]) -> str:
    """The words to search with, without the caller's name.

    Where they name nothing of their own, the last question that does comes first.
    """
    text = without_introduction(text).strip(" ,.!") or text
    if intent(text) is Intent.APPOINTMENT and not asks_price(text):
        return f"{text} {APPOINTMENT}"
    if _names_something(text):
        return text
    last = next((exchange.text for exchange in reversed(history) if _names_something(exchange.text)), None)
    if last is None:
        return text
    asked = set(lemmas(text))
    return last if asked and asked <= DETAILS else f"{last} {text}"


def _names_something(text: str) -> bool:
    found = words(text)
    whole = any(part_of_speech(word) in SENTENCE or word.startswith("скольк") for word in found)
    return (whole or not CIRCUMSTANCE.match(text)) and any(map(_names, found))


def _names(word: str) -> bool:
    lemma = lemma_of(word)
    return word.isalpha() and bool(lemma) and lemma not in GOING_ON and part_of_speech(word) in NAMING
