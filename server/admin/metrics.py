"""`GET /metrics` for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from server.admin.auth import Administrators
from server.admin.document import OF_ADMINISTRATION
from server.clock import Clock
from server.errors import StoreError
from server.observability.health import Health
from server.observability.metrics import Seen, exposition
from server.observability.presence import GONE_SECONDS
from server.observability.quiet import silence
from server.stores.base import Store

DEATHS_TOLD = 3600.0
"""Seconds for which a worker that died is told."""

FORMS = {form: {"schema": {"type": "string"}} for form in ("text/plain", "application/openmetrics-text")}


def metrics_router(
    store: Store, health: Health, clock: Clock, *, session_idle: float, admins: Administrators
) -> APIRouter:
    """`session_idle`: seconds."""
    router = APIRouter(tags=["metrics"], dependencies=[Depends(admins)], responses=OF_ADMINISTRATION)

    @router.get("/metrics", response_class=Response, responses={200: {"content": FORMS}})
    async def metrics(request: Request) -> Response:
        """Figures over all workers, in Prometheus' or OpenMetrics' text form."""
        try:
            seen = await _seen(store, clock.now(), session_idle)
        except StoreError:  # the parts tell it
            seen = None
        content, content_type = exposition(seen, await health.checks(), request.headers.get("accept", ""))
        return Response(content, media_type=content_type)

    return router


async def _seen(store: Store, now: float, session_idle: float) -> Seen:
    lately = await store.workers(now - DEATHS_TOLD)
    living = [worker for worker in lately if worker.seen_at >= now - GONE_SECONDS]
    return Seen(
        totals=await store.totals(now - session_idle),
        workers=living,
        gone=len(lately) - len(living),
        counted=await store.counted(),
        since=silence(await store.received(), now),
        now=now,
    )
