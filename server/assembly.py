"""The larger parts of a worker, each made from the settings: store, knowledge, consultants, TalkMe, traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pydantic import SecretStr

from server.clock import Clock
from server.consultant.answer import Answer, Waiting
from server.consultant.calendar import Calendar
from server.consultant.circuit import Circuit
from server.consultant.guard import Guard
from server.consultant.ladder import Ladder, Step
from server.consultant.offline import OfflineConsultant
from server.consultant.phrases import Phrases
from server.consultant.prompt import SYSTEM
from server.errors import SettingsError
from server.knowledge.embedding import Embedder
from server.knowledge.library import Library
from server.models import FinishCode
from server.observability.tally import Tally
from server.observability.track_record import TrackRecord
from server.outgoing import Outgoing
from server.settings import Settings
from server.settings_together import patience
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from server.talkme.client import TalkMeClient

if TYPE_CHECKING:
    from server.consultant.openai import OpenAIConsultant
    from server.observability.traces import Traces

TOGETHER = 0.05
"""Seconds. Where a reply is told as a whole, its words need not be read one by one; who speaks of a stalled stream
speaks of seconds."""
OFFLINE_SECONDS = 5.0
"""How long the offline consultant may think; it needs a few milliseconds."""


def talkme_client(settings: Settings, clock: Clock, tally: Tally) -> TalkMeClient:
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


def traces_of(settings: Settings, worker: str) -> Traces | None:
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


def ladder_of(settings: Settings, models: Sequence[OpenAIConsultant], phrases: Phrases, clock: Clock) -> Ladder:
    """The models, then the offline consultant, who is always asked: he depends on nobody."""
    agent, company = settings.agent, settings.company

    def circuit(failures: int | None = agent.circuit_failures) -> Circuit:
        return Circuit(clock, failures, agent.circuit_pause)

    waiting = Waiting(agent.first_token, agent.stalled, patience(settings))
    steps = [Step(model, waiting, circuit(), TrackRecord(clock)) for model in models]
    offline = OfflineConsultant(phrases, settings.knowledge.min_confidence)
    at_once = Waiting(OFFLINE_SECONDS, OFFLINE_SECONDS, OFFLINE_SECONDS)
    steps.append(Step(offline, at_once, circuit(failures=None), TrackRecord(clock), corrects=False))
    own = [company.name, company.about, company.hours, *phrases.all()]
    rules = _instructions(settings)
    guard = Guard(own + ([rules] if agent.prompt else []), rules)
    answer = Answer(guard, phrases, Calendar(clock, company.timezone), clock, whole=agent.reply_mode == "whole")
    return Ladder(steps, answer, phrases, clock)


def models_of(settings: Settings, clock: Clock, tally: Tally) -> list[OpenAIConsultant]:
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
        outgoing = Outgoing(
            base_url,
            settings.limits.concurrent_turns,
            connect=agent.connect,
            headers=identity,
            together=TOGETHER if agent.reply_mode == "whole" else 0.0,
        )
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
