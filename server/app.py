"""The composition root: settings in, ASGI app out. The only place that knows every concrete class."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

from server.admin.health import HealthAtOnce, looks
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
from server.errors import SettingsError
from server.garbage import settle
from server.intake.accept import Intake
from server.intake.addresses import Addresses, networks
from server.intake.backlog import Backlog
from server.intake.broken import broken
from server.intake.gate import Gate, Rules
from server.intake.rates import Counted, Quotas, rate
from server.intake.routes import webhook
from server.knowledge.embedding import Embedder
from server.knowledge.library import Library
from server.knowledge.watcher import Watcher
from server.models import FinishCode
from server.observability.access import AccessLog
from server.observability.ended import Observers, TurnCounter, watched
from server.observability.health import Health
from server.observability.presence import Heartbeat, this_worker
from server.observability.standing import Standing
from server.observability.tally import Tally
from server.observability.track_record import TrackRecord
from server.on_demand import App, OnDemand
from server.outgoing import Outgoing
from server.settings import Settings
from server.settings_together import unencrypted
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from server.talkme.client import TalkMeClient
from server.termination import on_termination

if TYPE_CHECKING:
    from server.consultant.openai import OpenAIConsultant
    from server.observability.traces import Traces

log = logging.getLogger(__name__)

FOR_THE_REST = 8.0
"""Seconds of a turn that the models together must leave: for the offline consultant and for delivery."""
OFFLINE_SECONDS = 5.0
"""How long the offline consultant may think; it needs a few milliseconds."""


def create_app(settings: Settings, clock: Clock | None = None) -> Starlette:
    """One worker: the webhook, the dispatcher behind it, and the administration. It opens everything when it starts
    and gives everything back when it stops."""
    daemon = _Daemon(settings, clock or SystemClock())
    app = Starlette(lifespan=daemon.life, exception_handlers={Exception: broken})
    app.router.default = OnDemand(daemon.administration)
    app.add_middleware(HealthAtOnce, looks=looks(daemon.health))
    if settings.server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.server.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization"],
        )
    app.add_middleware(Gate, **daemon.gate())
    app.add_middleware(AccessLog)
    return app


class _Daemon:
    """The parts of one worker, put together in the order of a message's way, and their life."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._receives, self._answers = settings.server.role != "worker", settings.server.role != "intake"
        self._store = open_store(settings, clock)
        self._refused: Counter[str] = Counter()
        tokens = [token.get_secret_value() for token in settings.talkme.tokens]
        self._tally = Tally()
        limits = settings.limits
        quotas = Quotas(rate(limits.per_user), rate(limits.per_token), rate(limits.per_address))
        self._wrong_tokens = Counted("wrong_tokens", rate(limits.wrong_tokens), clock)
        self._backlog = Backlog(limits.wait, clock)
        self._intake = Intake(
            self._store,
            tokens,
            settings.server.reply_wait,
            quotas,
            self._wrong_tokens,
            self._tally,
            self._backlog,
            log_texts=settings.logging.texts,
        )
        region = settings.company.region
        self._webhook = webhook(self._intake, self._refused, clock, limits.body, limits.text, region)
        self._library = open_library(settings, clock)
        self._watcher = Watcher(settings.knowledge.path, self._library.refresh, clock)
        self._watches = self._answers and settings.knowledge.watch
        self._asked = AskedQuestions(self._store, settings.knowledge.min_confidence, clock)
        self._phrases = Phrases(settings.company.greeting, settings.company.farewell)
        models = _models(settings, clock, self._tally)
        self._ladder = _ladder(settings, models, self._phrases, clock)
        after = settings.agent.summary_after
        self._summaries = Summaries(self._store, models[0], after) if models and after else None
        self._talkme, self._delivery = _talkme(settings, clock, self._tally), TrackRecord(clock)
        self._worker = this_worker(clock, self._ladder.name)
        self._standing = Standing(
            settings.server.role, self._library, self._ladder, self._delivery, answering=self._answers
        )
        self._traces = _traces(settings, self._worker.id)
        self._observer = Observers(TurnCounter(self._tally), *([self._traces] if self._traces else []))
        self._dispatcher = Dispatcher(
            self._store,
            watched(self._turn().take, self._observer, self._tally),
            self._worker.id,
            clock,
            concurrent_turns=settings.limits.concurrent_turns,
            lease=settings.store.lease,
        )
        self._heartbeat = Heartbeat(
            self._store,
            self._worker,
            clock,
            turns=lambda: self._dispatcher.turns,
            refused=self._refused,
            tally=self._tally,
            gauges=self._standing.gauges,
        )
        self._housekeeper = Housekeeper(self._store, clock)
        self.health = Health(
            self._store,
            self._library,
            self._ladder,
            self._delivery,
            clock,
            accepting=lambda: not self._intake.closed,
            alive=lambda: self._dispatcher.alive,
            answering=self._answers,
        )

    def _turn(self) -> Turn:
        settings = self._settings
        return Turn(
            self._store,
            self._library,
            self._asked,
            self._ladder,
            self._talkme,
            Typing(self._talkme, self._clock, settings.talkme.typing),
            Filler(self._talkme, self._clock, settings.agent.filler_after, self._phrases.filler),
            self._summaries,
            self._phrases,
            self._clock,
            self._delivery,
            self._observer,
            self._backlog.begun,
            worker=self._worker.id,
            region=settings.company.region,
            whole=settings.agent.reply_mode == "whole",
            message_timeout=settings.server.message_timeout,
            stale_after=settings.server.stale_after,
        )

    def gate(self) -> dict[str, Any]:
        """What the gate before everything is made of."""
        server, limits = self._settings.server, self._settings.limits
        rules = Rules(
            addresses=Addresses(networks(server.trusted_proxies), server.forwarded_by),
            webhook_from=networks(server.allow_from),
            admin_from=networks(self._settings.admin.allow_from),
            secret=server.webhook_secret.get_secret_value() if server.webhook_secret else None,
            body=limits.body,
            behind_tls=server.behind_tls,
        )
        per_address = Counted("per_address", rate(limits.per_address), self._clock)
        return {
            "rules": rules,
            "backlog": self._backlog,
            "per_address": per_address,
            "wrong": self._wrong_tokens,
            "refused": self._refused,
            "webhook": self._webhook if self._receives else None,
        }

    def administration(self) -> App:
        """What this worker answers over HTTP beside health and the webhook; it wants its token."""
        # FastAPI and the forms of all answers take as long to load as all that a caller's message needs, and much
        # memory: a process that nobody administrates, one of many workers, does without.
        from server.admin.application import application
        from server.admin.auth import Administrators
        from server.admin.failed import failed_router
        from server.admin.knowledge import knowledge_router
        from server.admin.metrics import metrics_router
        from server.admin.routes import admin_router, health_router
        from server.admin.sessions import sessions_router
        from server.intake.described import webhook_router

        settings, store, library, clock = self._settings, self._store, self._library, self._clock
        idle, health = settings.store.session_idle, self.health
        counted = Counted("wrong_tokens", rate(settings.limits.wrong_tokens), clock)
        admins = Administrators(*_administrators(settings), counted)
        consultant, talkme = self._ladder.name, settings.talkme.base_url
        return application(
            [
                *([webhook_router(self._webhook)] if self._receives else []),
                health_router(looks(health)),
                metrics_router(store, health, clock, session_idle=idle, admins=admins),
                sessions_router(store, clock, session_idle=idle, admins=admins),
                failed_router(store, admins),
                admin_router(
                    store, library, clock, consultant=consultant, talkme=talkme, session_idle=idle, admins=admins
                ),
                *([knowledge_router(library, store, admins)] if self._answers else []),
            ]
        )

    @asynccontextmanager
    async def life(self, app: Starlette) -> AsyncIterator[None]:
        """Everything is open inside the block; at its end turns under way have their grace."""
        await self._start()
        grace, stop_by = self._settings.server.shutdown_grace, math.inf

        def stopping() -> None:
            nonlocal stop_by
            self._intake.close()
            stop_by = self._clock.now() + grace

        with on_termination(stopping):
            yield
            # What the server has waited for its connections is part of the grace.
            await self._stop(max(0.0, min(grace, stop_by - self._clock.now())))

    async def _start(self) -> None:
        await self._store.open()
        if self._answers:
            await asyncio.to_thread(self._library.open)
            self._dispatcher.start()
        if self._watches:
            self._watcher.start()
        self._heartbeat.start()
        self._housekeeper.start()
        settle()
        for warning in unencrypted(self._settings):
            log.warning("%s", warning)
        documents = self._library.status().documents_count
        role = self._settings.server.role
        log.info("ready: role %s, consultant %s, %d documents", role, self._ladder.name, documents)

    async def _stop(self, grace: float) -> None:
        if self._answers:
            await self._dispatcher.drain(grace)
        if self._watches:
            await self._watcher.stop()
        self._library.close()
        await self._asked.close()
        if self._summaries:
            await self._summaries.stop()
        await self._housekeeper.stop()
        await self._heartbeat.stop()
        if self._traces:
            await self._traces.close()
        await self._talkme.close()
        await self._ladder.close()
        await self._store.close()


def _administrators(settings: Settings) -> tuple[list[str], list[str]]:
    """The tokens with all rights, and those that may look."""
    admin = settings.admin
    tokens = [each.get_secret_value() for each in (admin.token, *admin.other_tokens) if each]
    return tokens, [each.get_secret_value() for each in admin.read_tokens]


def _talkme(settings: Settings, clock: Clock, tally: Tally) -> TalkMeClient:
    talkme = settings.talkme
    return TalkMeClient(
        Outgoing(talkme.base_url, 2 * settings.limits.concurrent_turns),
        clock,
        timeout=talkme.timeout,
        attempts=talkme.attempts,
        ttl=talkme.typing,
        text_limit=talkme.text_limit,
        codes={
            FinishCode.SUCCESS: talkme.code_end,
            FinishCode.OPERATOR_REQUEST: talkme.code_operator,
            FinishCode.IRRELEVANT_MESSAGE: talkme.code_irrelevant,
        },
        tally=tally,
    )


def _traces(settings: Settings, worker: str) -> Traces | None:
    """None where none are asked for. Raises `SettingsError` where what they need is not installed."""
    endpoint = settings.tracing.endpoint
    if endpoint is None:
        return None
    try:
        from server.observability.traces import over_http
    except ImportError:
        raise SettingsError(
            f"tracing.endpoint = {endpoint}: traces need the extra otel: pip install 'iteira[otel]'"
        ) from None
    return over_http(endpoint, worker)


def open_store(settings: Settings, clock: Clock) -> Store:
    """The store that the settings name, not opened yet. Raises `StoreError` for an address that is none."""
    limits = StoreLimits(
        inbox=settings.limits.inbox,
        wait=settings.limits.wait,
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
    return Library(
        knowledge.path, knowledge.index, embedder=embedder, clock=clock, progress=progress, bounds=knowledge.bounds
    )


def _ladder(settings: Settings, models: Sequence[OpenAIConsultant], phrases: Phrases, clock: Clock) -> Ladder:
    """The models, then the offline consultant, which needs no circuit: it depends on nobody."""
    agent, company = settings.agent, settings.company

    def circuit() -> Circuit:
        return Circuit(clock, agent.circuit_failures, agent.circuit_pause)

    left = settings.server.message_timeout - FOR_THE_REST
    patience = min(agent.timeout, max(left, 1.0) / max(len(models), 1))
    waiting = Waiting(agent.first_token, agent.stalled, patience)
    steps = [Step(model, waiting, circuit(), TrackRecord(clock)) for model in models]
    offline = OfflineConsultant(phrases, settings.knowledge.min_confidence)
    at_once = Waiting(OFFLINE_SECONDS, OFFLINE_SECONDS, OFFLINE_SECONDS)
    steps.append(Step(offline, at_once, circuit(), TrackRecord(clock), corrects=False))
    own = [company.name, company.about, company.hours, *phrases.all()]
    rules = _instructions(settings)
    guard = Guard(own + ([rules] if agent.prompt else []), rules)
    answer = Answer(guard, phrases, Calendar(clock, company.timezone), clock, whole=agent.reply_mode == "whole")
    return Ladder(steps, answer, phrases, clock)


def _models(settings: Settings, clock: Clock, tally: Tally) -> list[OpenAIConsultant]:
    """The models that the settings name, the first one first. Raises `SettingsError` if the prompt is of no use."""
    agent, company = settings.agent, settings.company
    if agent.consultant != "openai":
        return []
    from server.consultant.completion import Completions
    from server.consultant.model_calls import ModelCalls
    from server.consultant.openai import OpenAIConsultant
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
        identity = {"Authorization": f"Bearer {key.get_secret_value() if key else ''}"}
        outgoing = Outgoing(base_url, settings.limits.concurrent_turns, connect=agent.connect, headers=identity)
        calls = ModelCalls(tally, title)
        completions = Completions(outgoing, name, calls, count_tokens=agent.count_tokens)
        return OpenAIConsultant(completions, prompt, clock, title)

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
