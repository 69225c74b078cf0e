"""The composition root: settings in, FastAPI app out. The only place that knows every concrete class."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from starlette.exceptions import HTTPException

from server.admin.failed import failed_router
from server.admin.knowledge import knowledge_router
from server.admin.metrics import metrics_router
from server.admin.routes import admin_router, health_router
from server.admin.sessions import sessions_router
from server.clock import Clock, SystemClock
from server.consultant.answer import Answer, Waiting
from server.consultant.calendar import Calendar
from server.consultant.circuit import Circuit
from server.consultant.guard import Guard
from server.consultant.ladder import Ladder, Step
from server.consultant.offline import OfflineConsultant
from server.consultant.phrases import Phrases
from server.consultant.prompt import SYSTEM
from server.consultant.summary import Summaries
from server.conversation.asked import AskedQuestions
from server.conversation.delivery import Filler
from server.conversation.dispatcher import Dispatcher
from server.conversation.housekeeping import Housekeeper
from server.conversation.turn import Turn
from server.conversation.typing import Typing
from server.errors import SettingsError, StoreError
from server.intake.accept import Intake
from server.intake.routes import webhook_router
from server.knowledge.embedding import Embedder
from server.knowledge.library import Library
from server.knowledge.watcher import Watcher
from server.models import FinishCode
from server.observability.access import AccessLog
from server.observability.health import Health
from server.observability.presence import Heartbeat, this_worker
from server.observability.track_record import TrackRecord
from server.settings import Settings
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from server.talkme.client import TalkMeClient, talkme_client
from server.termination import on_termination

if TYPE_CHECKING:
    from server.consultant.openai import OpenAIConsultant

log = logging.getLogger(__name__)

FOR_THE_REST = 8.0
"""Seconds of a turn that the models together must leave: for the offline consultant and for delivery."""
OFFLINE_SECONDS = 5.0
"""How long the offline consultant may think; it needs a few milliseconds."""


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """One worker: the webhook, the dispatcher behind it, and the administration. It opens everything when it starts
    and gives everything back when it stops."""
    clock = clock or SystemClock()
    store = open_store(settings, clock)
    library = open_library(settings, clock)
    delivery = TrackRecord()
    phrases = Phrases(settings.company.greeting, settings.company.farewell)
    models = _models(settings, clock)
    consultant = _ladder(settings, models, phrases, clock)
    receives, answers = settings.server.role != "worker", settings.server.role != "intake"
    talkme = TalkMeClient(
        talkme_client(settings.talkme.base_url, 2 * settings.limits.concurrent_turns),
        clock,
        timeout=settings.talkme.timeout,
        attempts=settings.talkme.attempts,
        ttl=settings.talkme.typing,
        text_limit=settings.talkme.text_limit,
        codes={
            FinishCode.SUCCESS: settings.talkme.code_end,
            FinishCode.OPERATOR_REQUEST: settings.talkme.code_operator,
            FinishCode.IRRELEVANT_MESSAGE: settings.talkme.code_irrelevant,
        },
    )
    asked = AskedQuestions(store, settings.knowledge.min_confidence)
    worker = this_worker(clock, consultant.name)
    long_ones = settings.agent.summary_after
    summaries = Summaries(store, models[0], long_ones) if models and long_ones else None
    turn = Turn(
        store,
        library,
        asked,
        consultant,
        talkme,
        Typing(talkme, clock, settings.talkme.typing),
        Filler(talkme, clock, settings.agent.filler_after, phrases.filler),
        summaries,
        phrases,
        clock,
        delivery,
        worker=worker.id,
        region=settings.company.region,
        whole=settings.agent.reply_mode == "whole",
        message_timeout=settings.server.message_timeout,
        stale_after=settings.server.stale_after,
    )
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
        if summaries:
            await summaries.stop()
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
    health = Health(store, library, consultant, delivery, answering=answers)
    app.include_router(health_router(health))
    idle = settings.store.session_idle
    app.include_router(metrics_router(store, library, health, clock, session_idle=idle, token=admin_token))
    app.include_router(sessions_router(store, admin_token))
    app.include_router(failed_router(store, admin_token))
    app.include_router(
        admin_router(
            store,
            library,
            clock,
            consultant=consultant.name,
            talkme=settings.talkme.base_url,
            session_idle=idle,
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
    embedder: str | Embedder = knowledge.embedder
    if embedder == "openai":
        from server.knowledge.remote import Remote

        agent = settings.agent
        key = agent.api_key.get_secret_value() if agent.api_key else ""
        embedder = Remote(agent.base_url, key, knowledge.embedding_model, clock)
    return Library(knowledge.path, knowledge.index, embedder=embedder, clock=clock, progress=progress)


def _ladder(settings: Settings, models: Sequence[OpenAIConsultant], phrases: Phrases, clock: Clock) -> Ladder:
    """The models, then the offline consultant, which needs no circuit: it depends on nobody."""
    agent, company = settings.agent, settings.company

    def circuit() -> Circuit:
        return Circuit(clock, agent.circuit_failures, agent.circuit_pause)

    left = settings.server.message_timeout - FOR_THE_REST
    patience = min(agent.timeout, max(left, 1.0) / max(len(models), 1))
    waiting = Waiting(agent.first_token, agent.stalled, patience)
    steps = [Step(model, waiting, circuit()) for model in models]
    offline = OfflineConsultant(phrases, settings.knowledge.min_confidence)
    at_once = Waiting(OFFLINE_SECONDS, OFFLINE_SECONDS, OFFLINE_SECONDS)
    steps.append(Step(offline, at_once, circuit(), corrects=False))
    own = [company.name, company.about, company.hours, *phrases.all()]
    rules = _instructions(settings)
    guard = Guard(own + ([rules] if agent.prompt else []), rules)
    answer = Answer(guard, phrases, Calendar(clock, company.timezone), clock, whole=agent.reply_mode == "whole")
    return Ladder(steps, answer, phrases, clock)


def _models(settings: Settings, clock: Clock) -> list[OpenAIConsultant]:
    """The models that the settings name, the first one first. Raises `SettingsError` if the prompt is of no use."""
    agent, company = settings.agent, settings.company
    if agent.consultant != "openai":
        return []
    from server.consultant.openai import OpenAIConsultant, openai_client
    from server.consultant.prompt import Prompt

    calendar = Calendar(clock, company.timezone)
    try:
        prompt = Prompt(
            _instructions(settings),
            calendar,
            company=company.name,
            about=company.about,
            hours=company.hours,
            tokens=agent.prompt_tokens,
        )
    except (KeyError, ValueError) as error:
        raise SettingsError(f"agent.prompt = {agent.prompt}: {error} is not a place that is filled in") from None

    def model(name: str, title: str, base_url: str, key: SecretStr | None) -> OpenAIConsultant:
        secret = key.get_secret_value() if key else ""
        client = openai_client(secret, base_url, agent.connect, settings.limits.concurrent_turns)
        return OpenAIConsultant(client, name, prompt, clock, title)

    models = [model(agent.model, "openai", agent.base_url, agent.api_key)]
    if agent.second_model:
        key = agent.second_api_key or agent.api_key
        models.append(model(agent.second_model, "second", agent.second_base_url or agent.base_url, key))
    return models


def _instructions(settings: Settings) -> str:
    """The instructions to a model. Raises `SettingsError` if the company's own cannot be read."""
    own = settings.agent.prompt
    try:
        return (own or SYSTEM).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"agent.prompt = {own}: a readable text file in UTF-8 is expected ({error})") from None


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
