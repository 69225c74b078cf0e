"""The administration of the knowledge base: what is in it, what a search finds, and reading it again."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from server.admin import knowledge_answers as answers
from server.admin.auth import Administrators
from server.admin.document import NOT_FOUND, OF_ADMINISTRATION
from server.errors import KnowledgeError
from server.knowledge.base import Knowledge
from server.knowledge.gaps import grouped
from server.stores.base import QUESTIONS_KEPT, Gaps

QUERY_LENGTH = 1000
"""Characters of a question that may be tried."""


def knowledge_router(knowledge: Knowledge, gaps: Gaps, admins: Administrators) -> APIRouter:
    router = APIRouter(tags=["knowledge"], dependencies=[Depends(admins)], responses=OF_ADMINISTRATION)

    @router.get("/knowledge-base/status")
    async def knowledge_status() -> answers.KnowledgeAnswer:
        """What is searched now."""
        return answers.knowledge_answer(knowledge.status())

    @router.get("/knowledge-base/search")
    async def knowledge_search(q: Annotated[str, Query(min_length=1, max_length=QUERY_LENGTH)]) -> answers.SearchAnswer:
        """A search as the consultant sees it."""
        return answers.search_answer(await knowledge.search(q))

    @router.post("/knowledge-base/regenerate")
    async def knowledge_regenerate() -> answers.KnowledgeAnswer:
        """Read all files again. The old index serves until the new one is ready."""
        try:
            return answers.knowledge_answer(await knowledge.regenerate())
        except KnowledgeError as error:
            raise HTTPException(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from error

    @router.get("/knowledge-base/gaps")
    async def knowledge_gaps(limit: Annotated[int, Query(ge=1, le=QUESTIONS_KEPT)] = 50) -> answers.GapsAnswer:
        """What callers asked and it could not answer, the most asked first."""
        asked = await gaps.questions(QUESTIONS_KEPT, answered=False)
        found = await asyncio.to_thread(grouped, asked, knowledge.understood)
        return answers.gaps_answer(found, limit)

    @router.delete("/knowledge-base/gaps", responses=NOT_FOUND)
    async def forget_gaps(question: str | None = None) -> answers.Forgotten:
        """Forget one question together with those that ask the same, or all that have no answer."""
        asked = await gaps.questions(QUESTIONS_KEPT, answered=False)
        found = await asyncio.to_thread(grouped, asked, knowledge.understood)
        texts = [text for gap in found for text in (gap.question, *gap.also) if question in (None, gap.question)]
        if not texts and question is not None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no such question is remembered as unanswered")
        forgotten = await gaps.forget_questions(texts)
        return answers.Forgotten(message=f"Questions forgotten: {forgotten}", forgotten=forgotten)

    @router.get("/knowledge-base/questions")
    async def knowledge_questions(
        limit: Annotated[int, Query(ge=1, le=QUESTIONS_KEPT)] = QUESTIONS_KEPT,
    ) -> answers.QuestionsAnswer:
        """What callers asked, answered or not, the most asked first."""
        return answers.questions_answer(await gaps.questions(limit))

    return router
