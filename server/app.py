"""The composition root: settings in, ASGI app out. With `assembly` it alone knows the concrete classes."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

from server.admin.health import HealthAtOnce, looks
from server.assembly import ladder_of, models_of, open_library, open_store, talkme_client, traces_of
from server.clock import Clock, SystemClock
from server.consultant.phrases import Phrases
from server.consultant.summary import Summaries
from server.conversation.asked import AskedQuestions
from server.conversation.delivery import Filler
from server.conversation.dispatcher import Dispatcher
from server.conversation.housekeeping import Housekeeper
from server.conversation.turn import Turn
from server.conversation.typing import Typing
from server.garbage import settle
from server.intake.accept import Intake
from server.intake.addresses import Addresses, networks
from server.intake.backlog import Backlog
from server.intake.broken import broken
from server.intake.gate import Gate, Rules
from server.intake.rates import Counted, Quotas, rate
from server.intake.routes import webhook
from server.knowledge.watcher import Watcher
from server.observability.access import AccessLog
from server.observability.ended import Observers, TurnCounter, watched
from server.observability.health import Health
from server.observability.presence import Heartbeat, this_worker
from server.observability.standing import Standing
from server.observability.tally import Tally
from server.observability.track_record import TrackRecord
from server.on_demand import App, OnDemand
from server.settings import Settings
from server.settings_together import unencrypted
from server.termination import on_termination

log = logging.getLogger(__name__)


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
        models = models_of(settings, clock, self._tally)
        self._ladder = ladder_of(settings, models, self._phrases, clock)
        after = settings.agent.summary_after
        self._summaries = Summaries(self._store, models[0], after) if models and after else None
        self._talkme, self._delivery = talkme_client(settings, clock, self._tally), TrackRecord(clock)
        self._worker = this_worker(clock, self._ladder.name)
        self._standing = Standing(
            settings.server.role, self._library, self._ladder, self._delivery, answering=self._answers
        )
        self._traces = traces_of(settings, self._worker.id)
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
        """What this worker answers over HTTP beside the webhook and health; it wants its token."""
        # Here, since FastAPI and the forms of all answers take half as long to load as all that a caller's message
        # needs, and a tenth of its memory: a process that starts, or that nobody administrates, does without.
        from server.admin.application import application

        settings = self._settings
        return application(
            self._store,
            self._library,
            self.health,
            self._clock,
            tokens=_tokens(settings),
            wrong_tokens=Counted("wrong_tokens", rate(settings.limits.wrong_tokens), self._clock),
            webhook=self._webhook if self._receives else None,
            searches=self._answers,
            consultant=self._ladder.name,
            talkme=settings.talkme.base_url,
            session_idle=settings.store.session_idle,
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


def _tokens(settings: Settings) -> tuple[list[str], list[str]]:
    """The tokens with all rights, and those that may look."""
    admin = settings.admin
    tokens = [each.get_secret_value() for each in (admin.token, *admin.other_tokens) if each]
    return tokens, [each.get_secret_value() for each in admin.read_tokens]
