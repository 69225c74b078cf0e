"""What a caller wants when it is not a question to the knowledge base: recognised by the words alone."""

from __future__ import annotations

import re
from enum import Enum, auto

from server.consultant.names import without_introduction


class Intent(Enum):
    OPERATOR = auto()
    GOODBYE = auto()
    GREETING = auto()
    THANKS = auto()
    QUESTION = auto()


HELLO = r"здравствуй(?:те)?|привет(?:ствую)?|добр(?:ый|ое|ого)\s+(?:день|утро|вечер|дня|утра|вечера)|алло|ало|хай|салют"
BYE = (
    r"до свидания|до свиданья|до встречи|всего (?:доброго|хорошего|наилучшего)|хорошего (?:дня|вечера)|"
    r"пока(?:[ -]пока)?|больше (?:ничего|вопросов)(?: не надо| не нужно| нет)?|(?:это|на этом) вс[её]|прощайте"
)
THANKS = r"(?:большое )?спасибо(?: большое| огромное| вам)?|благодарю(?: вас)?"
SMALL = r"ну|вс[её]|да|нет|ага|хорошо|ладно|понятно|ясно|отлично|пожалуйста|очень|вам|и|а|тогда|девушка|это|я|вас"

OPERATOR = re.compile(
    r"\b(?:оператор\w*|(?:жив\w+|реальн\w+|настоящ\w+) человек\w*|с человеком|с кем-нибудь живым|"
    r"(?:соедините|переключите|переведите|позовите|дайте|свяжите)\b.*"
    r"\b(?:администратор\w*|менеджер\w*|человек\w*|сотрудник\w*)|"
    r"(?:поговорить|связаться) с (?:администратор\w*|менеджер\w*|сотрудник\w*))"
)
GREETING_WORDS = re.compile(rf"\b(?:{HELLO})\b")
GOODBYE_WORDS = re.compile(rf"\b(?:{BYE})\b")
THANKS_WORDS = re.compile(rf"\b(?:{THANKS})\b")
SMALL_WORDS = re.compile(rf"\b(?:{SMALL})\b")
NO_WORDS = re.compile(r"[^а-яёa-z0-9]+")


def intent(text: str) -> Intent:
    """The intent of one utterance. A polite formula around a question does not make it less of a question."""
    words = text.lower()
    if OPERATOR.search(words):
        return Intent.OPERATOR
    rest = without_introduction(words)
    for formula, meaning in (
        (GOODBYE_WORDS, Intent.GOODBYE),
        (THANKS_WORDS, Intent.THANKS),
        (GREETING_WORDS, Intent.GREETING),
    ):
        if formula.search(rest) and not _something_left(rest):
            return meaning
    return Intent.QUESTION


def greets(text: str) -> bool:
    """Whether a greeting is among the words."""
    return bool(GREETING_WORDS.search(text.lower()))


def _something_left(words: str) -> bool:
    for formula in (GOODBYE_WORDS, THANKS_WORDS, GREETING_WORDS, SMALL_WORDS):
        words = formula.sub(" ", words)
    return bool(NO_WORDS.sub("", words))
