"""The administration of sessions: what was said, what happened, and clearing it away."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from server.admin import answers
from server.admin.auth import Administrators, Rights
from server.admin.document import NOT_FOUND, OF_ADMINISTRATION
from server.admin.masking import without_personal_data
from server.admin.moments import Moment, unix
from server.admin.session_search import Sort, Wanted, search
from server.admin.shown import shown
from server.clock import Clock
from server.stores.base import Store


def sessions_router(store: Store, clock: Clock, *, session_idle: float, admins: Administrators) -> APIRouter:
    """`session_idle`: seconds."""
    router = APIRouter(tags=["sessions"], dependencies=[Depends(admins)], responses=OF_ADMINISTRATION)

    @router.get("/webhook/talkme/sessions")
    async def sessions(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        active: bool = False,
        waiting: bool = False,
        phone: Annotated[str | None, Query(description="part of the number")] = None,
        name: Annotated[str | None, Query(description="part of the name")] = None,
        since: Annotated[Moment | None, Query(description="ISO 8601; something was said since then")] = None,
        sort: Sort = Sort.ACTIVITY,
        rights: Rights = Depends(admins),
    ) -> answers.SessionsAnswer:
        """Sessions, the latest activity first. In another order, and by number, name or waiting, they are looked for in
        the latest 5000."""
        if rights is Rights.LOOK and (phone is not None or name is not None or sort is Sort.NAME):
            raise HTTPException(HTTPStatus.FORBIDDEN, "this token may not look for names and numbers")
        wanted = Wanted(
            active_since=clock.now() - session_idle if active else None,
            since=unix(since),
            waiting=waiting,
            phone=phone,
            name=name,
            sort=sort,
        )
        found, more = await search(store, wanted, limit, page)
        listed = [answers.session_answer(session) for session in found]
        return shown(answers.SessionsAnswer(sessions=listed, more=more), rights)

    @router.get("/webhook/talkme/session/{user_id:path}", responses=NOT_FOUND)
    async def session(
        user_id: str,
        masked: Annotated[bool, Query(description="hide names, numbers and addresses, in the texts too")] = False,
        rights: Rights = Depends(admins),
    ) -> answers.SessionWithTranscript:
        """One session with everything that was said."""
        found = await store.session(user_id)
        if found is None:
            raise _no_session(user_id)
        whole = answers.transcript_answer(found, await store.transcript(user_id))
        return shown(without_personal_data(whole) if masked else whole, rights)

    @router.get("/webhook/talkme/message/{message_id}", responses=NOT_FOUND)
    async def message(message_id: str, rights: Rights = Depends(admins)) -> answers.MessageAnswer:
        """One message with what happened in its turn."""
        found = await store.message(message_id)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no message {message_id}")
        return shown(answers.message_answer(found), rights)

    @router.delete("/webhook/talkme/session/{user_id:path}", responses=NOT_FOUND)
    async def clear_session(user_id: str) -> answers.Cleared:
        """Remove a session with all its messages, waiting ones too."""
        if not await store.clear_session(user_id):
            raise _no_session(user_id)
        return answers.Cleared(message=f"session {user_id} cleared")

    @router.delete("/webhook/talkme/sessions")
    async def clear_sessions() -> answers.AllCleared:
        """Remove all sessions likewise."""
        cleared = await store.clear_sessions()
        return answers.AllCleared(message="all sessions cleared", cleared_sessions=cleared)

    return router


def _no_session(user_id: str) -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, f"there is no session of user {user_id}")
