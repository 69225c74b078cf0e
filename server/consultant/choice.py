"""Which of the findings a question may mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from functools import lru_cache

from server.consultant.audience import audiences, meant_for, suits, without_audience
from server.consultant.concerns import concerns
from server.consultant.rows import description, is_question, place, title
from server.knowledge.base import Document, Findings
from server.knowledge.price import asks_cheap, asks_duration, asks_price, has_price, without_price
from server.knowledge.words import is_known, lemma_of, lemmas, part_of_speech, words

NEARLY = 0.985
"""Share of the first finding's score from which on the second may as well be meant."""
NEAREST = 5
"""Findings that may be meant where a service has only some of the wanted words in its name. Where it has all of them,
those behind may be meant as well."""
MISHEARD = 0.8
"""Likeness of two words, difflib's ratio, from which on one may be the other, if they begin alike: «покраска» is not
«краска». A word that the dictionary has was not misheard: «мелирование» is not «моделирование»."""
ROOT = 5
DEEDS_ROOT = 4
DEEDS_ENDING = 4
"""Letters at the beginning that words of one root have in common: of a noun or adjective, of a verb at least; and those
at a verb's end that may differ."""
NOTHING = (0, 0)
SEVERAL = re.compile(r"\s(?:и|с|со|плюс|а также|а еще|а ещё)\s|,")
WITHOUT = frozenset({"без", "кроме"})
COMPARING = frozenset(
    {"дешевый", "дешево", "подешевле", "недорогой", "недорого", "дорогой", "дорого", "самый", "просто"}
)
NAMES = frozenset({"NOUN", "ADJF", "PRTF", ""})


def services(findings: Findings, text: str) -> list[Document]:
    """The services that the question names equally well and better than anything else found, in the order of the files.

    None of them where it asks for something else than what a service costs, how long it takes, or whether there is one.
    What is said last weighs more than what it goes on from: «а снять их» after «наращивание ресниц» is their removal.
    What it says it does not want («без покрытия») is not among them, nor what is for others, if there is anything else.
    """
    found = [finding.document for finding in findings.results]
    refused = unwanted(findings.query) & frozenset().union(*map(_named, found))
    documents = [document for document in found if not _holds(document, refused)]
    wanted = _wanted(findings.query, refused, found)
    count = _Count(findings, found)
    latest = [word for word in lemmas(text) if word in wanted]
    named = {id(document): (count.of(latest, document), count.of(wanted, document)) for document in documents}
    most = max((named[id(document)] for document in documents if has_price(document)), default=NOTHING)
    whole = most[1] >= len(wanted) or (len(latest) < len(wanted) and most[0] >= len(latest) > 0)
    near = documents if whole else documents[:NEAREST]
    equal = [document for document in near if has_price(document) and named[id(document)] == most]
    if not most[1] or not equal:
        return []
    first = documents[0]
    asks = asks_price(text) or asks_duration(text) or asks_cheap(text) or whole or bool(refused)
    goes_on = asks_price(text) and not lemmas(text)
    named_best = first in equal or NOTHING < named[id(first)] < most or most[1] >= len(wanted)
    clear = named_best or bool(refused) or (not has_price(first) and (most >= named[id(first)] or goes_on))
    return _fitting(equal, findings.query, refused) if asks and clear else []


def worth_knowing(findings: Findings, text: str) -> Findings:
    """The nearest rows, and of the others the services whose name has most of the question, and the company's own
    questions where the caller has a concern. What stands in a row may be said: there must be no more of them."""
    nearest, others = findings.results[:NEAREST], findings.results[NEAREST:]
    if not others:
        return findings
    found = [finding.document for finding in findings.results]
    wanted, concerned = frozenset(_wanted(findings.query, frozenset(), found)), bool(concerns(text))
    count = _Count(findings, found)
    counts = [count.of(wanted, document) if has_price(document) else 0 for document in found]
    most = max(counts)
    further = (
        finding
        for finding, named in zip(others, counts[NEAREST:], strict=True)
        if 0 < most == named or (concerned and is_question(finding.document))
    )
    return replace(findings, results=(*nearest, *further))


def names_fully(findings: Findings) -> bool:
    """Whether a service has every word of the question in its name: then it is meant, however sure the search is."""
    found = [finding.document for finding in findings.results]
    wanted, count = _wanted(findings.query, frozenset(), found), _Count(findings, found)
    return bool(wanted) and any(has_price(each) and count.exactly(wanted, each) for each in found)


def several(findings: Findings, replies: Sequence[str]) -> list[Document]:
    """A service for each of the things that are asked for together; empty where it is not certain which.

    `replies`: what has been said before, the latest first: of several services the one that was named last is meant.
    """
    parts = [part for part in SEVERAL.split(without_audience(findings.query)) if lemmas(part)]
    found = [finding.document for finding in findings.results]
    count = _Count(findings, found)
    priced = [document for document in found if has_price(document) and suits(document, findings.query)]
    all_wanted = lemmas(without_price(without_audience(findings.query)))
    chosen = [_one_of(_best(_best(priced, lemmas(part), count), all_wanted, count), replies) for part in parts]
    certain = [document for document in chosen if document is not None]
    distinct = len({id(document) for document in certain}) == len(parts)
    return certain if len(parts) > 1 and distinct else []


def _best(documents: Sequence[Document], wanted: Sequence[str], count: _Count) -> list[Document]:
    counts = [count.of(wanted, document) for document in documents]
    most = max(counts, default=0)
    return [document for document, held in zip(documents, counts, strict=True) if held == most and most]


def _one_of(documents: Sequence[Document], replies: Sequence[str]) -> Document | None:
    """The only one, or the only one that was named by the last reply to name any of them."""
    for reply in replies if len(documents) > 1 else ():
        if named := [document for document in documents if title(document).lower() in reply.lower()]:
            return named[0] if len(named) == 1 else None
    return documents[0] if len(documents) == 1 else None


def spoken_of(findings: Findings) -> Document | None:
    """The service that the question names best, whatever it asks of it."""
    found = [finding.document for finding in findings.results if has_price(finding.document)]
    wanted = _wanted(findings.query, frozenset(), found)
    return next(iter(_best(found, wanted, _Count(findings, found))), None)


def candidates(findings: Findings) -> list[Document]:
    """The first finding, and the second where it is nearly as good."""
    first, *others = findings.results
    near = [other.document for other in others[:1] if other.score >= NEARLY * first.score]
    return [first.document, *(document for document in near if title(document) != title(first.document))]


def unwanted(text: str) -> frozenset[str]:
    """Lemmas of what the words say it shall not be: «без покрытия», «не детский»."""
    found = words(text)
    refused: set[str] = set()
    for at, word in enumerate(found[:-1]):
        if word in WITHOUT or word == "не":
            following = found[at + 1 : at + 3] if word in WITHOUT else found[at + 1 : at + 2]
            names = [each for each in following if part_of_speech(each) in NAMES]
            refused.update(lemma_of(each) for each in names[:1] if lemma_of(each))
    return frozenset(refused)


def _holds(document: Document, refused: frozenset[str]) -> bool:
    """Whether its title names what is refused, and not as something it is without."""
    return bool(refused & _named(document)) and not refused & unwanted(title(document))


def _wanted(query: str, refused: frozenset[str], documents: Iterable[Document]) -> list[str]:
    """The lemmas that the services are to name: neither those for whom it is, nor what is refused, nor how a service
    that has it calls it: who wants «гель-лак» no more does not want «покрытие гель-лак»."""
    left = [one for one in dict.fromkeys(lemmas(without_price(without_audience(query)))) if one not in COMPARING]
    if refused:
        for document in documents:
            with_it = title(document).partition(" с ")[2]
            if refused & set(lemmas(with_it)):
                refused |= set(lemmas(with_it))
    return [lemma for lemma in left if lemma not in refused]


def _fitting(services: Sequence[Document], query: str, refused: frozenset[str]) -> list[Document]:
    """Of these the ones for the person that is spoken of, and those that say themselves that they are without it."""
    suiting = [document for document in services if suits(document, query)] or list(services)
    asked = audiences(query)
    theirs = [document for document in suiting if asked & meant_for(document)] or suiting
    without = [document for document in theirs if refused & unwanted(f"{title(document)} {description(document)}")]
    return sorted(without or theirs, key=place)


class _Count:
    """Counts the wanted words that the titles of these documents hold."""

    def __init__(self, findings: Findings, documents: Iterable[Document]) -> None:
        self._named = {id(document): _named(document) for document in documents}
        self._said = frozenset().union(*self._named.values())
        self._meant = frozenset(lemmas(findings.understood)) - frozenset(lemmas(findings.query))

    def of(self, wanted: Iterable[str], document: Document) -> int:
        """Where no title has a word of the caller's, what the files call it counts as one."""
        held, words = self._named[id(document)], frozenset(wanted)
        said = self._said & words
        if not said and self._meant & held:
            return 1
        return len(said & held) + sum([_resembles(word, held) for word in words - said])

    def exactly(self, wanted: Iterable[str], document: Document) -> bool:
        """Whether its title has all of them, or what the files call the only one there is."""
        held, words = self._named[id(document)], frozenset(wanted)
        called = len(words) == 1 and not self._said & words and self._meant & held
        return words <= held or bool(called)


@lru_cache(maxsize=10_000)
def _named(document: Document) -> frozenset[str]:
    """The lemmas of its title. Kept, since each question asks for a dozen."""
    return frozenset(lemmas(title(document)))


@lru_cache(maxsize=10_000)
def _resembles(word: str, held: frozenset[str]) -> bool:
    """Whether the title has the word in another form: of the same root, or what was heard as it."""
    if not is_known(word):
        return any(word[0] == other[0] and _alike(word, other) for other in held)
    root = _root(word)
    return root is not None and any(other.startswith(root) for other in held)


@lru_cache(maxsize=10_000)
def _root(word: str) -> str | None:
    """What words of the same root begin with, as «лазер» and «лазерный», «увеличить» and «увеличение», «стричь» and
    «стрижка» do; None where it is too short to tell."""
    deed = part_of_speech(word) in {"VERB", "INFN"}
    letters = max(DEEDS_ROOT, len(word) - DEEDS_ENDING) if deed else ROOT
    return word[:letters] if len(word) >= letters else None


@lru_cache(maxsize=10_000)
def _alike(word: str, other: str) -> bool:
    return SequenceMatcher(None, other, word).ratio() >= MISHEARD
