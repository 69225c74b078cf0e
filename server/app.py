"""The composition root: settings in, FastAPI app out. The only place that knows every concrete class."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from server.admin.failed import failed_router
from server.admin.knowledge import knowledge_router
from server.admin.routes import admin_router, health_router
from server.clock import Clock, SystemClock
from server.consultant.base import Consultant
from server.consultant.fallback import Fallback
from server.consultant.offline import OfflineConsultant
from server.consultant.phrases import Phrases
from server.conversation.asked import AskedQuestions
from server.conversation.dispatcher import Dispatcher
from server.conversation.housekeeping import Housekeeper
from server.conversation.turn import Turn
from server.conversation.typing import Typing
from server.errors import StoreError
from server.intake.accept import Intake
from server.intake.routes import webhook_router
from server.knowledge.library import Library
from server.knowledge.watcher import Watcher
from server.observability.access import AccessLog
from server.observability.health import Health
from server.observability.presence import Heartbeat, this_worker
from server.observability.track_record import TrackRecord
from server.settings import Settings
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from server.talkme.client import TalkMeClient, talkme_client
from server.termination import on_termination

log = logging.getLogger(__name__)


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """One worker: the webhook, the dispatcher behind it, and the administration. It opens everything when it starts
    and gives everything back when it stops."""
    clock = clock or SystemClock()
    store = open_store(settings, clock)
    library = open_library(settings, clock)
    thinking, delivery = TrackRecord(), TrackRecord()
    consultant = _consultants(settings, thinking, clock)
    receives, answers = settings.server.role != "worker", settings.server.role != "intake"
    talkme = TalkMeClient(
        talkme_client(settings.talkme.base_url, 2 * settings.limits.concurrent_turns),
        clock,
        timeout=settings.talkme.timeout,
        attempts=settings.talkme.attempts,
        ttl=settings.talkme.typing,
        text_limit=settings.talkme.text_limit,
    )
    asked = AskedQuestions(store, settings.knowledge.min_confidence)
    turn = Turn(
        store,
        library,
        asked,
        consultant,
        talkme,
        Typing(talkme, clock, settings.talkme.typing),
        clock,
        delivery,
        message_timeout=settings.server.message_timeout,
        stale_after=settings.server.stale_after,
    )
    worker = this_worker(clock, consultant.name)
    dispatcher = Dispatcher(
        store,
        turn.take,
        worker.id,
        clock,
        concurrent_turns=settings.limits.concurrent_turns,
        lease=settings.store.lease,
    )
    refused: Counter[str] = Counter()
    heartbeat = Heartbeat(store, worker, lambda: dispatcher.turns, refused, clock)
    housekeeper = Housekeeper(store, clock)
    watcher = Watcher(settings.knowledge.path, library.refresh, clock)
    watches = answers and settings.knowledge.watch
    admin_token = settings.admin.token.get_secret_value() if settings.admin.token else None
    tokens = [token.get_secret_value() for token in settings.talkme.tokens]
    intake = Intake(store, tokens, settings.server.reply_wait, log_texts=settings.logging.texts)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await store.open()
        if answers:
            await asyncio.to_thread(library.open)
            dispatcher.start()
        if watches:
            watcher.start()
        heartbeat.start()
        housekeeper.start()
        gc.collect()
        gc.freeze()  # what was made until now stays: the collector need not look at it in a caller's time
        documents = library.status().documents_count
        log.info("ready: role %s, consultant %s, %d documents", settings.server.role, consultant.name, documents)
        grace = settings.server.shutdown_grace
        stop_by = math.inf

        def stopping() -> None:
            nonlocal stop_by
            intake.close()
            stop_by = clock.now() + grace

        with on_termination(stopping):
            yield
        if answers:  # what the server has waited for its connections is part of the grace
            await dispatcher.drain(max(0.0, min(grace, stop_by - clock.now())))
        if watches:
            await watcher.stop()
        library.close()
        await asked.close()
        await housekeeper.stop()
        await heartbeat.stop()
        await talkme.close()
        await consultant.close()
        await store.close()

    app = FastAPI(title="Iteira", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(AccessLog)
    if receives:
        limits = settings.limits
        app.include_router(webhook_router(intake, refused, clock, limits.body, limits.text, settings.company.region))
    app.include_router(health_router(Health(store, library, consultant.name, thinking, delivery, answering=answers)))
    app.include_router(failed_router(store, admin_token))
    app.include_router(
        admin_router(
            store,
            library,
            clock,
            consultant=consultant.name,
            talkme=settings.talkme.base_url,
            session_idle=settings.store.session_idle,
            token=admin_token,
        )
    )
    if answers:
        app.include_router(knowledge_router(library, store, admin_token))
    _answer_errors_as_json(app)
    return app


def open_store(settings: Settings, clock: Clock) -> Store:
    """The store that the settings name, not opened yet. Raises `StoreError` for an address that is none."""
    limits = StoreLimits(
        inbox=settings.limits.inbox,
        per_session=settings.limits.inbox_per_session,
        session_idle=settings.store.session_idle,
        history=settings.agent.history,
        retention=settings.store.retention,
    )
    return store_from_url(settings.store.url, limits, clock)


def open_library(
    settings: Settings, clock: Clock, progress: Callable[[int, int], None] = lambda done, total: None
) -> Library:
    """The company's knowledge. `progress` is told (done, total) documents while an index is built."""
    knowledge = settings.knowledge
    return Library(knowledge.path, knowledge.index, embedder=knowledge.embedder, clock=clock, progress=progress)


def _consultants(settings: Settings, record: TrackRecord, clock: Clock) -> Fallback:
    phrases = Phrases(settings.company.greeting, settings.company.farewell)
    consultants: list[Consultant] = [OfflineConsultant(phrases, settings.knowledge.min_confidence)]
    if settings.agent.consultant == "openai":
        consultants.insert(0, _openai(settings, clock))
    return Fallback(consultants, phrases, record, clock, settings.agent.timeout)


def _openai(settings: Settings, clock: Clock) -> Consultant:
    from server.consultant.openai import OpenAIConsultant, openai_client
    from server.consultant.prompt import Prompt

    agent, company = settings.agent, settings.company
    key = agent.api_key.get_secret_value() if agent.api_key else ""
    client = openai_client(key, agent.base_url, agent.timeout, settings.limits.concurrent_turns)
    return OpenAIConsultant(client, agent.model, Prompt(company.name, company.about), clock)


def _answer_errors_as_json(app: FastAPI) -> None:
    """Every refusal has the same form as the webhook's: `success`, and `error` for the person who reads it."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"success": False, "error": error.detail}, error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def misunderstood(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = "; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors())
        return JSONResponse({"success": False, "error": wrong}, HTTPStatus.BAD_REQUEST)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        log.error("our own error at %s: %s", request.url.path, type(error).__name__)
        return JSONResponse({"success": False, "error": "internal error"}, HTTPStatus.INTERNAL_SERVER_ERROR)

    @app.exception_handler(StoreError)
    async def unavailable(request: Request, error: StoreError) -> JSONResponse:
        log.error("the store is away: %s", error)
        headers = {"Retry-After": "5"}
        return JSONResponse({"success": False, "error": str(error)}, HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
