"""Names that callers give: «меня зовут Анна» gives Анна, female; «это дорого» and «я хочу» give nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from server.consultant.base import RememberClient
from server.consultant.morphology import parses

WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
SAYING_SO = (
    *("меня зовут", "зовут меня", "зовите меня", "называйте меня", "меня звать"),
    *("мое имя это", "мое имя", "имя мое", "обращайтесь ко мне"),
)
"""After these words comes a name, also one that no dictionary has."""
PERHAPS = (
    *("это снова", "это опять", "это вас", "с вами говорит", "вас беспокоит", "беспокоит вас", "беспокоит"),
    *("говорит", "звонит", "можно просто", "на связи", "зовут", "меня", "это", "я"),
)
"""After these words there may be one."""
BEHIND = (
    *("меня зовут", "меня звать", "мое имя", "вас беспокоит", "беспокоит", "говорит", "звонит", "звоню"),
    *("на связи", "зовут"),
)
"""Before these words there may be one, if they are the last of the utterance or «меня зовут»."""
GOING_ON = frozenset(
    re.findall(
        r"\w+",
        """звоню звонит говорит беспокоит хочу хотела хотел хотелось звонила звонил записывалась записывался можно мне у
        меня я здравствуйте добрый доброе привет подскажите скажите по из была был ваша ваш клиентка клиент насчет
        запишите не вы как а и сколько есть зовут на мой мои телефон номер буду вам вас решила решил опять снова""",
    )
)
"""What may follow the name of somebody who has just said «это»; «это Ирина работает?» is about somebody else."""
GREETINGS = frozenset(
    re.findall(
        r"\w+",
        "здравствуйте здравствуй добрый доброе доброго день вечер утро дня алло алле ало але алё привет да ну ага",
    )
)
NO_NAME = {"NPRO", "PREP", "CONJ", "PRCL", "VERB", "INFN", "ADVB", "NUMR", "INTJ", "PRED", "ADJS", "PRTS"}
GENDERS = {"femn": "female", "masc": "male"}
KINDS = ("Name", "Patr", "Surn")


def _by_first_word(phrases: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for phrase in phrases:
        found.setdefault(phrase.split()[0], []).append(phrase)
    return found


_SAYING_SO, _PERHAPS = _by_first_word(SAYING_SO), _by_first_word(PERHAPS)


@dataclass(frozen=True, slots=True)
class _Introduction:
    client: RememberClient
    start: int
    end: int


class _Token(NamedTuple):
    word: str
    start: int
    end: int


def introduced(text: str) -> RememberClient | None:
    """Who the caller says he is, in the nominative; None if he does not say."""
    found = _introduction(text)
    return found.client if found else None


def without_introduction(text: str) -> str:
    """What the caller says beside his name."""
    found = _introduction(text)
    return f"{text[: found.start]} {text[found.end :]}" if found else text


@lru_cache(maxsize=256)
def _introduction(text: str) -> _Introduction | None:
    tokens = [_Token(_plain(match[0]), match.start(), match.end()) for match in WORD.finditer(text)]
    found = _said_so(tokens) or _perhaps(tokens) or _behind(tokens) or _nothing_else(tokens)
    if found is None:
        return None
    first, behind, client = found
    while behind < len(tokens) and tokens[behind].word in {"звоню", "говорит", "беспокоит", "звонит", "зовут"}:
        behind += 1
    return _Introduction(client, tokens[first].start, tokens[behind - 1].end)


Found = tuple[int, int, RememberClient] | None
"""The first token of an introduction, the first one behind it, and who it is."""


def _said_so(tokens: Sequence[_Token]) -> Found:
    for at in range(len(tokens)):
        for phrase in _SAYING_SO.get(tokens[at].word, ()):
            behind = _matches(tokens, at, phrase)
            if behind and (found := _name_at(tokens, behind) or _any_word(tokens, behind)):
                return at, found[0], found[1]
    return None


def _perhaps(tokens: Sequence[_Token]) -> Found:
    for at in range(len(tokens)):
        for phrase in _PERHAPS.get(tokens[at].word, ()):
            behind = _matches(tokens, at, phrase)
            found = _name_at(tokens, behind) if behind else None
            if behind and found and _goes_on(tokens, phrase, behind, found[0]):
                return at, found[0], found[1]
    return None


def _goes_on(tokens: Sequence[_Token], phrase: str, name: int, behind: int) -> bool:
    """Whether what follows the name lets it be the caller's."""
    if behind == len(tokens) or tokens[behind].word in GOING_ON:
        return phrase != "меня" or (behind < len(tokens) and tokens[behind].word in {"зовут", "звать"})
    return phrase in {"я", "зовут"} and "Name" in parses(tokens[name].word)[0].tag


def _behind(tokens: Sequence[_Token]) -> Found:
    for at, token in enumerate(tokens):
        found = _name_at(tokens, at) if _kinds(token.word) else None
        if not found or (at and tokens[at - 1].word in {"мне", "нам", "не"}):
            continue
        for phrase in BEHIND:
            end = _matches(tokens, found[0], phrase)
            if end and (end == len(tokens) or phrase == "меня зовут"):
                return at, end, found[1]
    return None


def _nothing_else(tokens: Sequence[_Token]) -> Found:
    """The whole utterance is a name: the answer to «как вас зовут»."""
    first = next((at for at, token in enumerate(tokens) if token.word not in GREETINGS), len(tokens))
    found = _name_at(tokens, first)
    if not found or found[0] != len(tokens):
        return None
    alone = len(tokens) - first == 1
    likeliest = parses(tokens[first].word)[0]
    return (first, *found) if not alone or (likeliest.is_known and "Name" in likeliest.tag) else None


def _name_at(tokens: Sequence[_Token], at: int) -> tuple[int, RememberClient] | None:
    """Where the name ends that begins there, with patronymic and surname; None if there is none."""
    end = at
    kinds: dict[str, str] = {}
    while end < len(tokens) and end - at < len(KINDS):
        kind = next((kind for kind in _kinds(tokens[end].word) if kind not in kinds), None)
        if kind is None or (kind == "Surn" and end > at and parses(tokens[end].word)[0].tag.POS != "NOUN"):
            break
        kinds[kind] = tokens[end].word
        end += 1
    return (end, _client(kinds["Name"], kinds.get("Patr"))) if "Name" in kinds else None


def _any_word(tokens: Sequence[_Token], at: int) -> tuple[int, RememberClient] | None:
    """A name that no dictionary has. A word that it has is one only as the last: «меня зовут друзья на свадьбу»."""
    if at == len(tokens):
        return None
    likeliest = parses(tokens[at].word)[0]
    known = likeliest.is_known and not any(kind in likeliest.tag for kind in KINDS)
    if likeliest.tag.POS in NO_NAME or (known and at + 1 < len(tokens)):
        return None
    return at + 1, RememberClient(tokens[at].word.title())


def _client(word: str, patronymic: str | None) -> RememberClient:
    names = [parse for parse in parses(word) if "Name" in parse.tag]
    subject = [parse for parse in names if "nomn" in parse.tag] or names
    genders = {GENDERS.get(str(parse.tag.gender)) for parse in subject}
    if patronymic:
        genders = {"female" if patronymic.endswith("на") else "male"}
    return RememberClient(str(subject[0].normal_form).title(), genders.pop() if len(genders) == 1 else None)


@lru_cache(maxsize=10_000)
def _kinds(word: str) -> tuple[str, ...]:
    """What kinds of name it may be, in the case in which one introduces oneself."""
    tags = [parse.tag for parse in parses(word) if {"nomn", "ablt"} & parse.tag.grammemes]
    return tuple(kind for kind in KINDS if any(kind in tag for tag in tags))


def _matches(tokens: Sequence[_Token], at: int, phrase: str) -> int | None:
    """Where the phrase ends if it stands there."""
    words = phrase.split()
    end = at + len(words)
    return end if [token.word for token in tokens[at:end]] == words else None


def _plain(word: str) -> str:
    small = word.lower()
    return small.replace("ё", "е") if small in {"моё", "алё"} else small
