"""The administration of the knowledge base: what is in it, what a search finds, and reading it again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from server.admin import answers
from server.admin.auth import administrator
from server.errors import KnowledgeError
from server.knowledge.base import Knowledge

QUERY_LENGTH = 1000
"""Characters of a question that may be tried."""


def knowledge_router(knowledge: Knowledge, token: str | None) -> APIRouter:
    """`token`: as in `auth.administrator`."""
    router = APIRouter(tags=["knowledge"], dependencies=[Depends(administrator(token))])

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

    return router
