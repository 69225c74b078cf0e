"""The forms of answers about the knowledge base. Times are ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Sequence

from server.admin.answers import iso
from server.admin.form import Form
from server.knowledge.base import Findings, KnowledgeStatus
from server.knowledge.gaps import Gap
from server.models import Asked


class KnowledgeAnswer(Form):
    knowledge_base_exists: bool
    files_count: int
    documents_count: int
    """Rows and pieces of text."""
    updated_at: str | None
    """When the files were read."""
    embedder: str
    """Who understands meaning; `none`: words alone are searched."""
    problems: list[str]
    """A line for each file that could not be read, with what to do."""


class Found(Form):
    text: str
    source: str
    """The file, by its path in the knowledge folder."""
    location: str
    """`sheet!row` in Excel's numbering, or the heading."""
    score: float
    """Orders the results of one search, and means nothing more."""


class GapAnswer(Form):
    """Questions that ask the same and have no answer; `question` is the most asked of them, `count` of all."""

    question: str
    count: int
    confidence: float
    last_asked_at: str
    also: list[str]
    """How others have asked the same."""


class GapsAnswer(Form):
    """`total` counts those beyond the limit too."""

    total: int
    gaps: list[GapAnswer]


class Forgotten(Form):
    message: str
    forgotten: int


class AskedAnswer(Form):
    text: str
    answered: bool
    confidence: float
    """Of the search, 0 to 1."""
    count: int


class QuestionsAnswer(Form):
    questions: list[AskedAnswer]


class SearchAnswer(Form):
    query: str
    confidence: float
    """0 to 1: how likely the first result answers the question."""
    results: list[Found]
    """Best first."""


def gaps_answer(gaps: Sequence[Gap], limit: int) -> GapsAnswer:
    found = [
        GapAnswer(
            question=gap.question,
            count=gap.count,
            confidence=gap.confidence,
            last_asked_at=iso(gap.last_at),
            also=list(gap.also),
        )
        for gap in gaps[:limit]
    ]
    return GapsAnswer(total=len(gaps), gaps=found)


def questions_answer(asked: Sequence[Asked]) -> QuestionsAnswer:
    return QuestionsAnswer(
        questions=[
            AskedAnswer(text=one.text, answered=one.answered, confidence=one.confidence, count=one.count)
            for one in asked
        ]
    )


def knowledge_answer(status: KnowledgeStatus) -> KnowledgeAnswer:
    return KnowledgeAnswer(
        knowledge_base_exists=status.knowledge_base_exists,
        files_count=status.files_count,
        documents_count=status.documents_count,
        updated_at=None if status.updated_at is None else iso(status.updated_at),
        embedder=status.embedder,
        problems=list(status.problems),
    )


def search_answer(findings: Findings) -> SearchAnswer:
    found = [
        Found(
            text=finding.document.text,
            source=finding.document.source,
            location=finding.document.location,
            score=round(finding.score, 4),
        )
        for finding in findings.results
    ]
    return SearchAnswer(query=findings.query, confidence=round(findings.confidence, 4), results=found)
