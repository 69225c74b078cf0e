"""Which of the findings a question may mean."""

from __future__ import annotations

from difflib import get_close_matches

from server.consultant.rows import has_price, title
from server.knowledge.base import Document, Findings
from server.knowledge.price import asks_cheap, asks_duration, asks_price
from server.knowledge.words import lemmas

NEARLY = 0.985
"""Share of the first finding's score from which on the second may as well be meant."""
MISHEARD = 0.8
"""Likeness of two words, difflib's ratio, from which on one may be the other, if they begin alike: «покраска» is not
«краска»."""


def services(findings: Findings, text: str) -> list[Document]:
    """The services that the question names equally well and better than anything else found, best first.

    None of them where it asks for something else than what a service costs, how long it takes, or whether there is one.
    """
    documents = [finding.document for finding in findings.results]
    wanted = lemmas(findings.query)
    named = {id(document): _named(wanted, document) for document in documents}
    most = max((named[id(document)] for document in documents if has_price(document)), default=0)
    equal = [document for document in documents if has_price(document) and named[id(document)] == most]
    first = documents[0]
    asks = asks_price(text) or asks_duration(text) or asks_cheap(text) or most == len(set(wanted))
    goes_on = asks_price(text) and not lemmas(text)
    clear = first in equal or (not has_price(first) and (most >= named[id(first)] or goes_on))
    return equal if most and asks and clear else []


def candidates(findings: Findings) -> list[Document]:
    """The first finding, and the second where it is nearly as good."""
    first, *others = findings.results
    near = [other.document for other in others[:1] if other.score >= NEARLY * first.score]
    return [first.document, *(document for document in near if title(document) != title(first.document))]


def _named(wanted: list[str], document: Document) -> int:
    """How many of the wanted words its title holds."""
    held = lemmas(title(document))
    return sum(
        any(word[0] == like[0] for like in get_close_matches(word, held, cutoff=MISHEARD)) for word in set(wanted)
    )
