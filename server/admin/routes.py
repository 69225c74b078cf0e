"""Health, which is open to everybody, and the figures, which are for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from server.admin import answers
from server.admin.auth import Administrators, Rights
from server.admin.document import OF_ADMINISTRATION, document
from server.admin.health import Look
from server.admin.shown import shown
from server.admin.stats_answer import Looked, StatsAnswer, stats_answer
from server.clock import Clock
from server.knowledge.base import Knowledge
from server.observability.presence import GONE_SECONDS
from server.stores.base import RECENT_REPLIES, Store

SHOWN_ACTIVE = 100
"""Active sessions that the figures list by name."""
DEAD_LOOKED_AT = 100
"""Messages that failed or expired whose stages are counted."""


def health_router(looks: Mapping[str, Look]) -> APIRouter:
    """Health for the document of the API; whoever looks at it is answered before (`HealthAtOnce`)."""
    unavailable = {"model": answers.HealthAnswer, "description": "Not now: `checks` tell why"}
    router = APIRouter(tags=["health"], responses={HTTPStatus.SERVICE_UNAVAILABLE.value: unavailable})
    for path, look in looks.items():
        router.get(path, response_model=answers.HealthAnswer)(look)
    return router


def admin_router(
    store: Store,
    knowledge: Knowledge,
    clock: Clock,
    *,
    consultant: str,
    talkme: str,
    session_idle: float,
    admins: Administrators,
) -> APIRouter:
    """Figures. `talkme`: base address; `session_idle`: seconds."""
    router = APIRouter(tags=["administration"], dependencies=[Depends(admins)], responses=OF_ADMINISTRATION)

    @router.get("/webhook/talkme/stats")
    async def stats(rights: Rights = Depends(admins)) -> StatsAnswer:
        """Figures over all workers."""
        now = clock.now()
        looked = Looked(
            totals=await store.totals(now - session_idle),
            active=await store.sessions(SHOWN_ACTIVE, active_since=now - session_idle),
            workers=await store.workers(now - GONE_SECONDS),
            dead=await store.dead(DEAD_LOOKED_AT),
            timelines=await store.recent_timelines(RECENT_REPLIES),
            received=await store.received(),
        )
        return shown(stats_answer(looked, consultant, talkme, knowledge.status(), now), rights)

    @router.get("/webhook/talkme/waiting")
    async def waiting(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100, rights: Rights = Depends(admins)
    ) -> answers.WaitingAnswer:
        """Who waits for an answer at this moment, the longest first."""
        return shown(answers.waiting_answer(await store.waiting(limit), clock.now()), rights)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> dict[str, Any]:
        return document(request.app, admins.asks_for)

    return router
