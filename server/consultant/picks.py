"""A choice among what was named last: «второе», «детский», «оба», «последний», «а взрослый»."""

from __future__ import annotations

import re
from collections.abc import Sequence

from server.consultant.audience import audiences, suits, without_audience
from server.consultant.choice import unwanted
from server.consultant.concerns import concerns
from server.consultant.phrases import THIS, WHICH, WHICH_OF
from server.consultant.rows import meant_words, price, title
from server.knowledge.base import Document
from server.knowledge.price import asks_cheap
from server.knowledge.words import lemmas, part_of_speech, words

ORDER = ("перв", "втор", "трет", "четверт", "пят", "шест", "седьм", "восьм")
_ORDINAL = re.compile(
    rf"\b(?:({'|'.join(ORDER)})(?:ый|ая|ое|ой|ую|ого|ому|ий|ья|ье|ью|ьего|ьему)|([1-8])(?![\d.,:]))\b"
)
_LAST = re.compile(r"\bпоследн\w+")
_ALL = re.compile(r"\b(?:оба|обе|обо(?:их|ими?)|все|всех|каждый|каждая|и то и (?:то|другое)|и тот и другой)\b")
_DEAR = re.compile(r"\b(?:по)?дороже\b|\bсам\w+ дорог\w+")
_SMALL = frozenset(
    re.findall(
        r"\w+",
        """вариант номер давать давайте хотеть надо нужно интересовать интересует про пусть быть будет тот та то который
        мой оно пожалуй наверное лучше просто тогда там сам самый рассказать подробно""",
    )
)
"""Lemmas with which one chooses, whatever it is."""
LONGEST = 7
"""Words of a choice, at most; more make a question of their own."""


def offers_a_choice(reply: str) -> bool:
    """Whether a reply ends with the question which of several things is meant."""
    return reply.rstrip().endswith(WHICH) or WHICH_OF in reply or THIS in reply


def is_choice(text: str, reply: str) -> bool:
    """Whether the words choose among what the reply has named."""
    plain = " ".join(words(text))
    if not offers_a_choice(reply) or not plain or len(plain.split()) > LONGEST or concerns(text):
        return False
    if _points(plain):
        return True
    said = [lemma for lemma in lemmas(without_audience(plain)) if lemma not in _SMALL]
    named = set(lemmas(reply))
    nouns = [word for word in plain.split() if part_of_speech(word) in {"NOUN", "", "LATN"}]
    if any(lemma not in named for word in nouns for lemma in lemmas(without_audience(word)) if lemma not in _SMALL):
        return False
    return bool(audiences(plain) or "взросл" in plain or any(lemma in named for lemma in said))


def picked(text: str, named: Sequence[Document]) -> list[Document]:
    """What of the named is chosen, in the order in which it was named; empty where the words fit none of it."""
    plain = " ".join(words(text))
    if at := _ORDINAL.search(plain):
        number = ORDER.index(at[1]) if at[1] else int(at[2]) - 1
        return list(named[number : number + 1])
    if _LAST.search(plain):
        return list(named[-1:])
    if asks_cheap(plain) or _DEAR.search(plain):
        return [(min if asks_cheap(plain) else max)(named, key=price)] if named else []
    if _ALL.search(plain):
        return list(named)
    refused = unwanted(plain)
    fitting = [one for one in named if suits(one, plain) and not refused & set(lemmas(title(one)))]
    asked = set(lemmas(without_audience(plain))) - refused - _SMALL
    counts = [len(asked & meant_words(one)) for one in fitting]
    theirs = [one for one in fitting if audiences(plain) & audiences(title(one))]
    most = max(counts, default=0)
    if most:
        return [one for one, count in zip(fitting, counts, strict=True) if count == most]
    return theirs or (fitting if len(fitting) < len(named) else [])


def _points(plain: str) -> bool:
    signs = (_ORDINAL, _LAST, _ALL, _DEAR)
    rest = plain
    for sign in signs:
        rest = sign.sub(" ", rest)
    pointed = rest != plain or asks_cheap(plain)
    return pointed and not [w for w in rest.split() if part_of_speech(w) == "NOUN" and not set(lemmas(w)) <= _SMALL]
