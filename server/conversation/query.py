"""What is searched for: the caller's words, and what they go on from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from server.consultant.audience import without_audience
from server.consultant.choice import worth_knowing
from server.consultant.concerns import concerns, without_concern
from server.consultant.intents import Intent, intent
from server.consultant.morphology import parses
from server.consultant.names import without_introduction
from server.consultant.picks import is_choice, offers_a_choice
from server.knowledge.base import Findings, Knowledge
from server.knowledge.price import asks_price, without_price
from server.knowledge.words import lemma_of, lemmas, part_of_speech, words
from server.models import Exchange

GOING_ON = frozenset(
    re.findall(
        r"\w+",
        """вариант время выйти выходить выходной деньга день держаться длиться длительность занимать занять идти
        минута получаться получиться продолжаться процедура прийти раз рубль сеанс уйти услуга уходить хватать
        хватить лето зима осень весна час понедельник вторник среда четверг пятница суббота воскресенье""",
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
    r"(?:(?:а|и|ну|нет|да|просто|только|если|лучше|тогда|еще|ещё|можно|есть)\s+)*(?:в|во|на|по|у|с|со|для|за|к|от|до|после|перед|без|около|при)\s",
    re.I,
)
"""The beginning of «а в Новой Боровой?» and «а для мужчин?»: where or for whom, not what."""
BEFORE_WHOM = re.compile(r"(?:(?:а|и|ну|или|если|тогда)\s+)+(?P<whom>\w+)\W*$", re.I)
REFERRING = re.compile(r"\b(?:их|его|е[её]|эт[аоу]|этот|эти|такой|такое|такую)\b")
"""Words that stand for what was named before."""
CORRECTING = re.compile(r"\b(?:(?:я )?(?:име(?:ю|л|ла) в виду|хотел[аи]? сказать)|точнее|вернее|то есть)\b,?", re.I)
"""What stands beside the words that put right what was said before."""
OPEN = re.compile(r"\b(?:работаете|работает|открыты?|закрыты?|(?:до|с|со) скольк\w+)\b")
WHEN = frozenset(
    re.findall(
        r"\w+",
        """сегодня завтра послезавтра понедельник вторник среда четверг пятница суббота воскресенье воскресение
        выходной выходные
        день вечер утро час время график режим работа салон неделя работать открытый закрытый открыть закрыть открыться
        закрыться открываться закрываться быть""",
    )
)
"""Lemmas of a question for the opening hours, whichever day it names."""
SENTENCE = frozenset({"VERB", "INFN", "PRED"})
"""Parts of speech that make a sentence of it; so does «сколько»."""


ROWS = 12
"""Rows that are looked through: as many services of one kind as a caller may be told that there are."""
OPENING_HOURS = "Во сколько вы открываетесь, до скольки работаете?"
"""What the company's files can say to someone who asks whether it is open, whatever the day."""
AGE = "С какого возраста можно?"
"""What the company's files can say to someone who tells how old the child is."""
APPOINTMENT = "Как записаться, перенести или отменить запись?"
"""What the company's files can say to someone who wants an appointment, whatever the service."""


async def look_up(knowledge: Knowledge, text: str, history: Sequence[Exchange]) -> Findings:
    """What the knowledge base has for a caller's words: the rows that may be spoken of."""
    return worth_knowing(await knowledge.search(query(text, history), ROWS), text)


def query(text: str, history: Sequence[Exchange]) -> str:
    """The words to search with, without the caller's name.

    Where they name nothing of their own, the last question that does comes first. A choice among what was named is
    searched for with the question that was answered by naming it, so that the same rows are found again.
    """
    text = without_introduction(text).strip(" ,.!") or text
    if history and is_choice(text, history[-1].reply):
        return query(history[-1].text, history[:-1])
    if intent(text) is Intent.APPOINTMENT and not asks_price(text):
        return f"{text} {APPOINTMENT}"
    if asks_opening_hours(text):
        return f"{text} {OPENING_HOURS}"
    if history and CORRECTING.search(text):
        return f"{query(history[-1].text, history[:-1])} {' '.join(CORRECTING.sub(' ', text).split())}"
    if "возраст" in concerns(text, [exchange.text for exchange in history]):
        return f"{_gone_on(text, history)} {AGE}"
    return _gone_on(text, history)


def _gone_on(text: str, history: Sequence[Exchange]) -> str:
    if _names_something(text):
        return text
    last = _subject(history)
    if last is None:
        return text
    if concerns(text):
        return f"{without_price(last)} {text}"
    asked = set(lemmas(text))
    return last if asked and asked <= DETAILS else f"{last} {text}"


def _subject(history: Sequence[Exchange]) -> str | None:
    """What was spoken of last: what was chosen then, or the last question that names something, with what was said of
    it since: «для волос»."""
    since = ""
    for at in range(len(history) - 1, -1, -1):
        text, reply = history[at].text, history[at].reply
        name, told, _ = reply.partition(" — ")
        if at and is_choice(text, history[at - 1].reply) and told and not offers_a_choice(reply):
            return f"{name}{since}"
        if _names_something(text) or asks_opening_hours(text):
            return f"{text}{since}"
        if not since and not concerns(text) and _is_circumstance(text):
            since = f" {text}"
    return None


def asks_opening_hours(text: str) -> bool:
    """Whether the words ask when it is open, and nothing else."""
    return OPEN.search(text.lower()) is not None and set(lemmas(text)) <= WHEN


def _names_something(text: str) -> bool:
    """A concern of its own, «можно беременным», is something that is asked of what was named before."""
    asked = concerns(text)
    found = words(without_audience(without_concern(text) if asked else text))
    if asked or REFERRING.search(text.lower()):
        found = [word for word in found if part_of_speech(word) in {"NOUN", ""}]
    whole = any(part_of_speech(word) in SENTENCE or word.startswith("скольк") for word in found)
    return (whole or not _is_circumstance(text)) and any(map(_names, found))


def _is_circumstance(text: str) -> bool:
    """Where, for whom or without what, and not what."""
    whom = BEFORE_WHOM.match(text)
    return bool(CIRCUMSTANCE.match(text)) or (whom is not None and _is_somebody(whom["whom"].lower()))


def _is_somebody(word: str) -> bool:
    """In the dative: «пенсионерам»."""
    return any({"NOUN", "datv", "anim"} <= parse.tag.grammemes for parse in parses(word)[:2])


def _names(word: str) -> bool:
    lemma = lemma_of(word)
    return word.isalpha() and bool(lemma) and lemma not in GOING_ON and part_of_speech(word) in NAMING
