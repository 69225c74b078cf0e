"""The administration of dead letters: what could not be delivered, and its replay."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from server.admin import answers
from server.admin.auth import Administrators, Rights
from server.admin.document import NOT_FOUND, OF_ADMINISTRATION
from server.admin.moments import Moment, unix
from server.admin.shown import shown
from server.observability.stages import DEAD
from server.stores.base import Store

RETRIED_AT_ONCE = 1000
"""Dead letters that one request lets wait again; who has more asks again."""

Since = Annotated[Moment | None, Query(description="ISO 8601; leaves out those given up before")]


def failed_router(store: Store, admins: Administrators) -> APIRouter:
    router = APIRouter(tags=["dead letters"], dependencies=[Depends(admins)], responses=OF_ADMINISTRATION)

    @router.get("/webhook/talkme/failed")
    async def failed(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100, since: Since = None, rights: Rights = Depends(admins)
    ) -> answers.FailedAnswer:
        """Messages that were not answered, the latest first."""
        return shown(answers.failed_answer(await store.dead(limit, unix(since))), rights)

    @router.post("/webhook/talkme/failed/retry")
    async def retry_all(since: Since = None) -> answers.Retried:
        """Let them all wait again, the oldest first; at most 1000, `more` tells of others."""
        dead = await store.dead(RETRIED_AT_ONCE + 1, unix(since), oldest_first=True)
        retried = sum([await store.retry(message.id) for message in dead[:RETRIED_AT_ONCE]])
        return answers.retried_answer(retried, more=len(dead) > RETRIED_AT_ONCE)

    @router.get("/webhook/talkme/failed/{message_id}", responses=NOT_FOUND)
    async def one(message_id: str, rights: Rights = Depends(admins)) -> answers.DeadLetter:
        """One of them."""
        message = await store.message(message_id)
        if message is None or message.state not in DEAD:
            raise _none(message_id)
        return shown(answers.dead_letter(message), rights)

    @router.post("/webhook/talkme/failed/{message_id}/retry", responses=NOT_FOUND)
    async def retry(message_id: str) -> answers.Cleared:
        """Let one wait again; a stored reply is sent as it is."""
        if not await store.retry(message_id):
            raise _none(message_id)
        return answers.Cleared(message=f"message {message_id} waits again")

    @router.delete("/webhook/talkme/failed/{message_id}", responses=NOT_FOUND)
    async def drop(message_id: str) -> answers.Cleared:
        """Remove one for good."""
        if not await store.drop(message_id):
            raise _none(message_id)
        return answers.Cleared(message=f"message {message_id} dropped")

    return router


def _none(message_id: str) -> HTTPException:
    return HTTPException(404, f"there is no failed message {message_id}")
