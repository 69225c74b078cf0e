"""A document of the knowledge base as one would tell it on the phone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from server.consultant.amounts import lasting, priced, worth
from server.knowledge.base import Document
from server.knowledge.price import PRICE_COLUMN, asks_cost, asks_duration, asks_price, has_price
from server.knowledge.words import lemma_of, lemmas, words

TITLE = re.compile(r"(?<!каких )услуг|названи|наименован|процедур|аппарат|оборудован|вопрос|направлен", re.IGNORECASE)
QUESTION = re.compile(r"вопрос", re.IGNORECASE)
ANSWER = re.compile(r"ответ", re.IGNORECASE)
DURATION = re.compile(r"длительн|продолжительн|время|минут", re.IGNORECASE)
PER = re.compile(r"\bза (?:\d+ )?[^\W\d]+", re.IGNORECASE)
GROUP = re.compile(r"категори|групп|раздел|вид услуг|тема", re.IGNORECASE)
DESCRIPTION = re.compile(r"описан|назначен|подробн|комментар|примечан|что это|^что ", re.IGNORECASE)
REMARK = re.compile(r"противопоказ|примечан|ограничен|подготовк|комментар", re.IGNORECASE)

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
LONGEST = 400
"""Characters of a text section that are told; about 25 seconds of speech."""
MOST_NAMES = 7
"""Services of one kind that are told by name; more are not kept in mind while listening."""
MOST_COLUMNS = 3
"""Of a row that has neither answer nor price, told beside its title and description."""


def told(document: Document, question: str) -> str:
    """The answer to `question` that stands in the document, in whole sentences."""
    if not document.fields:
        return _beginning(_without_heading(document))
    if answer := _value(document, ANSWER):
        return sentence(answer)
    if not has_price(document):
        return " ".join(map(sentence, _columns(document)))
    lasts = _duration(document, "длительность ")
    if lasts and asks_duration(question) and not asks_cost(question):
        return sentence(f"{title(document)} — {lasts}")
    sentences = [sentence(f"{title(document)} — {_price(document)}{', ' * bool(lasts)}{lasts}")]
    if description(document) and not asks_price(question):
        sentences.append(sentence(description(document)))
    return " ".join(sentences)


def answer(document: Document) -> str:
    """What it says to a question: its answer, or the section's words; of a service nothing."""
    return told(document, "") if not has_price(document) else ""


def description(document: Document) -> str:
    """What it says of a service beside price and duration."""
    return _value(document, DESCRIPTION) or ""


def remarks(document: Document) -> list[str]:
    """Sentences of all it says of a service beside name, group, price and duration."""
    told = [description(document)]
    told += [f"{name}: {value}" for name, value in document.fields if REMARK.search(name) and value not in told]
    return [part for text in told if text for part in re.split(r"(?<=[.!?])\s+(?=[А-ЯЁA-Z\d])", sentence(text))]


def kind(document: Document) -> str:
    """The group that its row belongs to, such as «Лазерная эпиляция, женщины»."""
    return _value(document, GROUP) or ""


def meant_words(document: Document) -> set[str]:
    """Lemmas of its name and group."""
    return set(lemmas(f"{title(document)} {kind(document)}"))


def place(document: Document) -> tuple[str, str, int]:
    """Where it stands, to put rows into the order of the files."""
    sheet, _, row = document.location.rpartition("!")
    return document.source, sheet, int(row) if row.isdigit() else 0


def together(documents: Sequence[Document]) -> str:
    """Many services of one kind as one sentence: what they cost at least and at most, and what tells them apart."""
    least, most = min(documents, key=price), max(documents, key=price)
    shared = [set(lemmas(title(document))) for document in documents]
    common = set.intersection(*shared)
    name = " ".join(word for word in words(title(documents[0])) if lemma_of(word) in common)
    if not all(map(_is_plain, documents)):
        return briefly(documents[:MOST_NAMES], how_long=False)
    is_head = name and any(title(document).lower().startswith(name) for document in documents)
    named = [_apart(document, common) if is_head else _small(title(document)) for document in documents[:MOST_NAMES]]
    others = " и другие" if len(documents) > MOST_NAMES else ""
    costs = f"от {price(least):g} до {price(most):g} рублей"
    return sentence(f"{f'{name} — ' if is_head else ''}{costs}: {', '.join(named)}{others}")


def _is_plain(document: Document) -> bool:
    """Whether its price is a whole number of the company's own money and nothing else: of such there is a range."""
    cells = [cell for _, cell in _prices(document)]
    return len(cells) == 1 and re.fullmatch(r"\d+\s*(?:руб\w*\.?|р\.?|byn|br)?", cells[0], re.IGNORECASE) is not None


def _apart(document: Document, common: set[str]) -> str:
    """Its title without the words that all have."""
    name = " ".join(
        word for word in title(document).split() if not set(lemmas(word)) or not set(lemmas(word)) <= common
    )
    return _small(name.strip(" ,;:—–-«»")) or _small(title(document))


def briefly(documents: Sequence[Document], *, how_long: bool) -> str:
    """Several services beside each other, each with its price, or with how long it takes, as one sentence."""
    return sentence(", ".join(_brief(document, how_long) for document in documents))


def _brief(document: Document, how_long: bool) -> str:
    """The first words small, as inside a sentence; its start is made capital again."""
    said = _duration(document) if how_long else _price(document)
    return f"{_small(title(document))} — {said or _price(document)}"


@lru_cache(maxsize=10_000)
def title(document: Document) -> str:
    """What the document is about, in its own words: the service, the question, or the heading."""
    if not document.fields:
        return document.location
    return _value(document, TITLE) or document.fields[0][1]


@lru_cache(maxsize=10_000)
def is_question(document: Document) -> bool:
    """Whether its title is a question that callers ask."""
    return _value(document, QUESTION) is not None


def price(document: Document) -> float:
    """The number in its price, to put services in order; infinite without one."""
    return worth(_value(document, PRICE_COLUMN) or "")


def sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _field(document: Document, column: re.Pattern[str]) -> tuple[str, str] | None:
    return next(((name, value) for name, value in document.fields if column.search(name)), None)


def _value(document: Document, column: re.Pattern[str]) -> str | None:
    field = _field(document, column)
    return field[1] if field else None


def _price(document: Document) -> str:
    """With what it is for, where only the column says it: «1,20 рубля за минуту». Of several, each by its column's
    name: which one is the caller's, only he knows."""
    costs = _prices(document)
    if len(costs) > 1:
        return ", ".join(f"{_small(column)} {priced(cell)}" for column, cell in costs)
    column, cell = costs[0] if costs else ("", "")
    per = PER.search(column)
    return priced(cell) + (f" {per[0].lower()}" if per and not PER.search(cell) else "")


def _prices(document: Document) -> list[tuple[str, str]]:
    return [field for field in document.fields if PRICE_COLUMN.search(field[0])]


def _duration(document: Document, before: str = "") -> str:
    lasts = (
        (name, value) for name, value in document.fields if DURATION.search(name) and not PRICE_COLUMN.search(name)
    )
    field = next(lasts, None)
    return before + lasting(field[1], field[0]) if field else ""


def _columns(document: Document) -> list[str]:
    """Title and description as one sentence, then a sentence for each other column; addresses of pages are left out."""
    name, about = title(document), description(document)
    others = [
        f"{column}: {value}" if column else value
        for column, value in document.fields
        if value not in (name, about) and "://" not in value
    ]
    return [f"{name} — {_small(about)}" if about else name, *others[:MOST_COLUMNS]]


def _small(text: str) -> str:
    """With a small first letter, unless it begins with a name: «SMAS», «Alma»."""
    return text if re.match(r"[A-ZА-ЯЁ]{2}|[A-Za-z]|\W", text) else text[:1].lower() + text[1:]


def _without_heading(document: Document) -> str:
    """A section's words without the line that only says where it stands."""
    first, _, rest = document.text.partition("\n")
    return rest if rest and first.endswith(document.location) else document.text


def _beginning(text: str) -> str:
    """As many whole sentences as may be told."""
    told = ""
    for part in SENTENCE_END.split(" ".join(text.split())):
        if told and len(told) + len(part) > LONGEST:
            break
        told = f"{told} {part}".strip()
    return sentence(told)
