"""Measuring the search with questions whose right answers are known.

A file of questions has one JSON object a line: `text`; `kind`, by which figures are put together; `expected`, a list of
`{"file", "sheet", "row"}` or `{"file", "location"}`, empty for a question that the knowledge base cannot answer; and
`match`: `any` of them is enough (the default), or `all` are wanted. Other keys are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from server.errors import KnowledgeError
from server.knowledge.base import Findings, Knowledge

DEPTH = 5
"""Findings that are looked at."""
RECALL_AT = (1, 3, 5)
ALL = "all"

Place = tuple[str, str]


class Expected(BaseModel):
    """Where an answer stands."""

    file: str
    sheet: str | None = None
    row: int | None = None
    location: str | None = None

    @property
    def place(self) -> Place:
        return self.file, self.location or f"{self.sheet}!{self.row}"


class Question(BaseModel):
    text: Annotated[str, Field(min_length=1)]
    kind: str = ""
    match: Literal["any", "all"] = "any"
    expected: list[Expected] = []


@dataclass(frozen=True, slots=True)
class Measured:
    """A question and what the search made of it."""

    question: Question
    confidence: float
    places: tuple[Place, ...]

    def hit(self, depth: int) -> bool:
        """Whether one of the right places is among the first `depth`; of `all`, as many as have room there."""
        right = {expected.place for expected in self.question.expected}
        found = len(right & set(self.places[:depth]))
        return found >= (min(depth, len(right)) if self.question.match == "all" else 1)

    @property
    def reciprocal_rank(self) -> float:
        right = {expected.place for expected in self.question.expected}
        return next((1 / rank for rank, place in enumerate(self.places, start=1) if place in right), 0.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the answerable questions of one kind. Shares are 0 to 1."""

    kind: str
    count: int
    recall: dict[int, float]
    """By how many findings are looked at."""
    mrr: float
    """Mean of 1/rank of the first right finding among `DEPTH`."""


def questions(path: Path) -> list[Question]:
    """Raises `KnowledgeError`, with the line's number, for what is no such file."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(Question.model_validate_json(line))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"])) or "the line"
                raise KnowledgeError(f"{path}, line {number}: {where}: {first['msg']}") from None
    if not found:
        raise KnowledgeError(f"{path}: holds no question; a JSON object a line is expected")
    return found


async def measure(question: Question, knowledge: Knowledge) -> Measured:
    findings = await knowledge.search(question.text, DEPTH)
    return Measured(question, findings.confidence, places(findings))


def places(findings: Findings) -> tuple[Place, ...]:
    return tuple((finding.document.source, finding.document.location) for finding in findings.results)


def figures(measured: Sequence[Measured]) -> list[Figures]:
    """Of all answerable questions, then of each kind in the order of the file."""
    answerable = [one for one in measured if one.question.expected]
    kinds = dict.fromkeys(one.question.kind for one in answerable)
    groups = {ALL: answerable} | {kind: [one for one in answerable if one.question.kind == kind] for kind in kinds}
    return [
        Figures(
            kind,
            len(group),
            {depth: sum(one.hit(depth) for one in group) / len(group) for depth in RECALL_AT},
            sum(one.reciprocal_rank for one in group) / len(group),
        )
        for kind, group in groups.items()
        if group
    ]


def separation(measured: Sequence[Measured]) -> float | None:
    """AUC: how likely an answerable question has a higher confidence than one that cannot be answered, 0 to 1.

    None where the file has only one sort of them.
    """
    answerable = [one.confidence for one in measured if one.question.expected]
    others = [one.confidence for one in measured if not one.question.expected]
    if not answerable or not others:
        return None
    won = sum((mine > theirs) + (mine == theirs) / 2 for mine in answerable for theirs in others)
    return won / (len(answerable) * len(others))
