"""What of a text counts for lexical search: lemmas of its content words, and pieces of them for misheard words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from server.morphology import parse

_WORD = re.compile(r"[^\W\d_]+|\d+")
_FUNCTION_WORDS = frozenset({"PREP", "CONJ", "PRCL", "NPRO", "INTJ", "PRED"})
"""Parts of speech, in OpenCorpora's names as pymorphy3 gives them, that say nothing about the subject."""
_ASKING = frozenset(
    re.findall(
        r"\w+",
        """алло быть весь делать добрый есть здравствовать здравствуйте какой мочь нибыть нужный нужно один подсказать
        пожалуйста почем рассказать свой сделать сказать сколько стоимость стоить так такой узнать хотеть хотеться
        цена это этот""",
    )
)
"""Lemmas with which callers ask, whatever they ask about; price columns make them common to nearly all rows."""
_ENDING = "(?:|а|у|ым|ой|ого|ому|ий|ая|ую|о|и|ом|е|ыми|ых|ими|их|им)$"
_SURNAME = re.compile("(?:[оеё]в|ин|[цс]к|енк|чук|ян|дзе|швили)" + _ENDING)
_OF_PLACES = re.compile("[цс]к" + _ENDING)
_PIECE = 3
"""Letters in a piece of a word. Three find more misheard words than four («педикур»)."""


def words(text: str) -> list[str]:
    """Words and numbers in order, small and with ё written as е."""
    return list(_words(text))


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    """Kept, as what is made of them is (`_lemmas`)."""
    return tuple(map(plain, words_as_written(text)))


def words_as_written(text: str) -> list[str]:
    """Words and numbers as they stand there, in order."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def plain(word: str) -> str:
    """The word small and with ё written as е."""
    return word.lower().replace("ё", "е")


def lemmas(text: str) -> list[str]:
    """Dictionary forms of the content words, in order."""
    return list(_lemmas(text))


@lru_cache(maxsize=1024)
def _lemmas(text: str) -> tuple[str, ...]:
    """Kept, since one turn asks for the words of its question again and again."""
    return tuple(lemma for lemma in map(lemma_of, words(text)) if lemma)


def terms(text: str) -> list[str]:
    """What is indexed and looked up: the lemmas, and their pieces with word ends marked by `#`."""
    found = lemmas(text)
    return found + [piece for word in found for piece in pieces(word)]


@lru_cache(maxsize=20_000)
def pieces(word: str) -> tuple[str, ...]:
    """Its overlapping triples of letters, with the word's ends marked by `#`."""
    marked = f"#{word}#"
    return tuple(marked[at : at + _PIECE] for at in range(len(marked) - _PIECE + 1))


def lemma_of(word: str) -> str:
    """The dictionary form, or nothing for a function word."""
    found = _parsed(word)
    return "" if found.part in _FUNCTION_WORDS or found.lemma in _ASKING else found.lemma


def dictionary_form(word: str) -> str:
    """The dictionary form of any word."""
    return _parsed(word).lemma


def is_known(word: str) -> bool:
    """Whether it is a form of a dictionary word; misheard words mostly are not, nor are some names of services."""
    return _parsed(word).known


def part_of_speech(word: str) -> str:
    """In OpenCorpora's names (`NOUN`, `ADJF`, `VERB`, …); empty where there is none, as for Latin letters."""
    return _parsed(word).part


@lru_cache(maxsize=50_000)
def names_a_person(word: str) -> bool:
    """Whether it is a first name, a surname or a patronymic most likely.

    A word that no dictionary has must end as surnames do: «целлюлит» would be one else. «Козловской» is one although
    it may also be said of a village.
    """
    best, *others = parse(word)
    if any(grammeme in best.tag for grammeme in ("Name", "Surn", "Patr")):
        return bool(best.is_known) or _SURNAME.search(word) is not None
    return _OF_PLACES.search(word) is not None and any("Surn" in parse.tag for parse in others)


class Parsed(NamedTuple):
    """What the dictionary says of a word."""

    lemma: str
    part: str
    known: bool


_REMEMBERED: dict[str, Parsed] = {}


def parsed(words: Iterable[str]) -> dict[str, Parsed]:
    """What the dictionary says of each of them."""
    return {word: _parsed(word) for word in words}


def remember(said: Mapping[str, Parsed]) -> None:
    """Do not ask the dictionary for these again: a process that starts would ask for some thousand words."""
    _REMEMBERED.update(said)


@lru_cache(maxsize=50_000)
def _parsed(word: str) -> Parsed:
    if word in _REMEMBERED:
        return _REMEMBERED[word]
    best = parse(word)[0]
    return Parsed(str(best.normal_form).replace("ё", "е"), str(best.tag.POS or ""), bool(best.is_known))
