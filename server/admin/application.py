"""The administration as an application of its own, which also knows the whole document of the API."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from server.admin.auth import Administrators
from server.admin.failed import failed_router
from server.admin.health import looks
from server.admin.knowledge import knowledge_router
from server.admin.metrics import metrics_router
from server.admin.refusals import answer_errors_as_json
from server.admin.routes import admin_router, health_router
from server.admin.sessions import sessions_router
from server.clock import Clock
from server.intake.described import webhook_router
from server.intake.rates import Counted
from server.intake.routes import Webhook
from server.knowledge.base import Knowledge
from server.observability.health import Health
from server.stores.base import Store


def application(
    store: Store,
    knowledge: Knowledge,
    health: Health,
    clock: Clock,
    *,
    tokens: tuple[Sequence[str], Sequence[str]],
    wrong_tokens: Counted,
    webhook: Webhook | None,
    searches: bool,
    consultant: str,
    talkme: str,
    session_idle: float,
) -> FastAPI:
    """`tokens`: those with all rights, and those that may look. `webhook` is None where this process takes none,
    `searches` tells whether it has a knowledge base. `talkme`: base address; `session_idle`: seconds."""
    admins = Administrators(*tokens, wrong_tokens)
    routers = [
        health_router(looks(health)),
        metrics_router(store, health, clock, session_idle=session_idle, admins=admins),
        sessions_router(store, clock, session_idle=session_idle, admins=admins),
        failed_router(store, admins),
        admin_router(
            store, knowledge, clock, consultant=consultant, talkme=talkme, session_idle=session_idle, admins=admins
        ),
    ]
    if webhook:
        routers.insert(0, webhook_router(webhook))
    if searches:
        routers.append(knowledge_router(knowledge, store, admins))
    return answering(routers)


def answering(routers: Sequence[APIRouter]) -> FastAPI:
    """Answers what these routers do, and every other path with a refusal."""
    app = FastAPI(title="Iteira", docs_url=None, redoc_url=None, openapi_url=None)
    for router in routers:
        app.include_router(router)
    answer_errors_as_json(app, [route for router in routers for route in router.routes])
    return app
