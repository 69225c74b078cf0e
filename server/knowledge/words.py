"""What of a text counts for lexical search: lemmas of its content words, and pieces of them for misheard words."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

import pymorphy3

_WORD = re.compile(r"[^\W\d_]+|\d+")
_FUNCTION_WORDS = frozenset({"PREP", "CONJ", "PRCL", "NPRO", "INTJ", "PRED"})
"""Parts of speech, in OpenCorpora's names as pymorphy3 gives them, that say nothing about the subject."""
_ASKING = frozenset(
    re.findall(
        r"\w+",
        """алло быть весь делать добрый есть здравствовать здравствуйте какой мочь нужный нужно один подсказать
        пожалуйста почем рассказать свой сделать сказать сколько стоимость стоить так такой узнать хотеть хотеться
        цена это этот""",
    )
)
"""Lemmas with which callers ask, whatever they ask about; price columns make them common to nearly all rows."""
_PIECE = 3
"""Letters in a piece of a word. Three find more misheard words than four («педикур»)."""


def lemmas(text: str) -> list[str]:
    """Dictionary forms of the content words, in order, ё written as е."""
    plain = unicodedata.normalize("NFC", text).lower().replace("ё", "е")
    found = map(_lemma, _WORD.findall(plain))
    return [lemma for lemma in found if lemma]


def terms(text: str) -> list[str]:
    """What is indexed and looked up: the lemmas, and their pieces with word ends marked by `#`."""
    words = lemmas(text)
    return words + [piece for word in words for piece in _pieces(word)]


def _pieces(word: str) -> list[str]:
    marked = f"#{word}#"
    return [marked[at : at + _PIECE] for at in range(len(marked) - _PIECE + 1)]


@lru_cache(maxsize=20_000)
def _lemma(word: str) -> str:
    """The dictionary form, or nothing for a function word."""
    parse = _morphology().parse(word)[0]
    lemma = str(parse.normal_form).replace("ё", "е")
    return "" if parse.tag.POS in _FUNCTION_WORDS or lemma in _ASKING else lemma


@cache
def _morphology() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer()
