"""`GET /metrics` for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from server.admin.auth import administrator
from server.clock import Clock
from server.knowledge.base import Knowledge
from server.observability.health import Health
from server.observability.metrics import exposition
from server.observability.presence import GONE_SECONDS
from server.observability.quiet import silence
from server.stores.base import Store


def metrics_router(
    store: Store, knowledge: Knowledge, health: Health, clock: Clock, *, session_idle: float, token: str | None
) -> APIRouter:
    """`token`: as in `auth.administrator`; `session_idle`: seconds."""
    router = APIRouter(tags=["metrics"], dependencies=[Depends(administrator(token))])

    @router.get("/metrics", response_class=Response)
    async def metrics(request: Request) -> Response:
        """Figures over all workers, in Prometheus' or OpenMetrics' text form."""
        now = clock.now()
        content, content_type = exposition(
            await store.totals(now - session_idle),
            await store.workers(now - GONE_SECONDS),
            await health.checks(),
            knowledge.status(),
            silence(await store.received(), now),
            now,
            request.headers.get("accept", ""),
        )
        return Response(content, media_type=content_type)

    return router
