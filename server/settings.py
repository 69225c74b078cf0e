"""Every setting: default, unit, and the checks between settings. Where values come from is in `settings_sources`.

Names are `[section] key` in TOML and `ITEIRA_SECTION__KEY` in the environment. All times are seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from server.errors import SettingsError
from server.knowledge.confidence import MIN_CONFIDENCE
from server.settings_sources import Origins, gather, suggestion

PASSWORD = re.compile(r"(://[^:/@]*:).*@")
"""Of an address, up to the last @: a password need not be quoted as it should be."""
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _http_url(value: str) -> str:
    address = urlsplit(value)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError("expected an address that starts with http:// or https://")
    if "@" in address.netloc:
        raise ValueError("expected an address without user and password")
    return value.rstrip("/") + "/"


def _store_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "redis://", "rediss://", "memory://")):
        raise ValueError("expected sqlite:///path/to/file.db or redis://host:6379/0")
    return value


def _at_least(characters: int) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if len(value) < characters or not all("!" <= char <= "~" for char in value):
            raise ValueError(f"expected at least {characters} characters: Latin letters, digits and signs")
        return secret

    return AfterValidator(check)


def _region(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # only where somebody has set it: the command line must start fast

    if value not in SUPPORTED_REGIONS:
        raise ValueError("expected a country in two capital letters, such as BY (ISO 3166)")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Minsk") from None
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
TalkMeToken = Annotated[SecretStr, _at_least(10)]
AdminToken = Annotated[SecretStr, _at_least(16)]
ApiKey = Annotated[SecretStr, _at_least(1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("expected a value, not true or false")
        return value


class Server(Section):
    role: Literal["all", "intake", "worker"] = "all"
    """`intake` receives messages, `worker` answers them, `all` does both."""
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65_535)
    workers: int = Field(1, ge=1, le=64)
    """Worker processes of this machine; they share the store."""
    reply_wait: Seconds = 25
    """How long the webhook's answer waits for the reply."""
    message_timeout: Seconds = 30
    """How long one turn may take, knowledge, model and delivery together."""
    stale_after: Seconds = 120
    """A message older than this when a worker gets to it is not answered any more."""
    shutdown_grace: Seconds = 30
    """How long turns in flight may go on after SIGTERM."""


class TalkMe(Section):
    base_url: HttpUrl = "https://api.talkme.ru/"
    tokens: Annotated[list[TalkMeToken], BeforeValidator(_comma_separated)] = []
    """Webhook tokens that are allowed; empty allows every token."""
    timeout: Seconds = 10
    """One call of TalkMe's API."""
    attempts: int = Field(3, ge=1, le=10)
    typing: int = Field(15, ge=1, le=60)
    """How long TalkMe shows «typing» after one simulateTyping call; it is renewed before it ends."""
    text_limit: int = Field(4000, ge=100, le=4000)
    """Characters in one customBot/send; longer replies are split at sentence ends."""
    code_end: str = Field("SUCCESS", min_length=1)
    """What customBot/finish is told when the caller has said goodbye."""
    code_operator: str = Field("OPERATOR_REQUEST", min_length=1)
    """What it is told when a human is to take over."""
    code_irrelevant: str = Field("IRRELEVANT_MESSAGE", min_length=1)
    """What it is told when the caller has nothing to do with the company."""


class Agent(Section):
    provider: Literal["auto", "openai", "offline"] = "auto"
    """`auto`: OpenAI where a key is set, else the offline consultant."""
    api_key: Annotated[ApiKey | None, BeforeValidator(lambda value: value or None)] = None
    base_url: HttpUrl = "https://api.openai.com/v1/"
    """Any OpenAI-compatible endpoint."""
    model: str = Field("gpt-4o-mini", min_length=1)
    second_model: str | None = Field(None, min_length=1)
    """Asked when the first model does not answer, before the offline consultant."""
    second_base_url: HttpUrl | None = None
    """Where the second model is; without it at `base_url`."""
    second_api_key: SecretStr | None = None
    """Key of the second model's endpoint; without it `api_key`."""
    reply_mode: Literal["whole", "sentences"] = "whole"
    """`whole`: a reply is sent when it is complete. `sentences`: each sentence as soon as it is."""
    filler_after: float = Field(4, ge=0, le=60)
    """After this time without an answer the caller hears a short filler; 0: never."""
    prompt: Path | None = None
    """A file with the instructions to the model; without it the ones that come with the program."""
    prompt_tokens: int = Field(6000, ge=1000, le=1_000_000)
    """Tokens of one prompt, estimated; what is over it leaves, the oldest exchanges first."""
    connect: Seconds = 3
    """How long making a connection to a provider may take."""
    first_token: Seconds = 8
    """How long a provider may take to begin an answer, a second attempt included."""
    stalled: Seconds = 5
    """How long a provider may pause within an answer."""
    timeout: Seconds = 15
    """How long each provider may keep a turn waiting in all; after it the next one answers."""
    circuit_failures: int = Field(3, ge=1, le=100)
    """Failures in a row after which a provider is not asked for a while."""
    circuit_pause: Seconds = 30
    """How long it is not asked then; after it one caller tries whether it answers again."""
    history: int = Field(10, ge=0, le=100)
    """Earlier exchanges of the conversation that the consultant sees word for word."""
    summary_after: int = Field(8, ge=0, le=100)
    """Exchanges after which the older part of a dialog is summarised by the model; 0: never."""

    @property
    def consultant(self) -> Literal["openai", "offline"]:
        """Which consultant these settings ask for."""
        if self.provider == "auto":
            return "openai" if self.api_key else "offline"
        return self.provider


class Knowledge(Section):
    path: Path = Path("knowledge")
    """The folder in which the company keeps its files."""
    index: Path = Path("var/knowledge")
    """Where the index made from them is kept."""
    embedder: Literal["e5", "use", "openai", "none"] = "e5"
    """Who understands meaning; `use` is faster and understands less, `openai` asks the provider of `agent.base_url`,
    `none` searches by words alone."""
    embedding_model: str = Field("text-embedding-3-small", min_length=1)
    """The provider's model where `embedder` is `openai`."""
    watch: bool = True
    """Whether files are read again as soon as they are changed."""
    min_confidence: float = Field(MIN_CONFIDENCE, ge=0, le=1)
    """Below this confidence a search counts as «nothing fits»."""


class Store(Section):
    url: Annotated[str, AfterValidator(_store_url)] = "sqlite:///var/iteira.db"
    lease: float = Field(10, ge=1, le=600)
    """A worker that died is replaced within this time."""
    session_idle: Seconds = 1800
    """After this silence the next message opens a new conversation."""
    retention: float = Field(30 * 86_400, ge=3600)
    """Finished messages are removed after this time, and sessions that have been silent for so long."""


class Limits(Section):
    inbox: int = Field(10_000, ge=1)
    """Messages that may wait; one more is refused with 503."""
    inbox_per_session: int = Field(100, ge=1, le=1000)
    """Of them, messages of one session."""
    concurrent_turns: int = Field(200, ge=1, le=10_000)
    """Turns one worker process has under way at the same time."""
    body: int = Field(65_536, ge=1024, le=10_485_760)
    """Bytes of a webhook's body; more is refused with 413."""
    text: int = Field(4000, ge=1, le=4000)
    """Characters of a message that are answered; the rest is dropped with a warning."""


class Logging(Section):
    dir: Path = Path("var/logs")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    texts: bool = False
    """Whether callers' words are logged, which are personal data."""


class Admin(Section):
    token: AdminToken | None = None
    """Bearer token of the administration; without one only this machine is answered."""


class Company(Section):
    name: str = "Итейра"
    about: str = "премиальная сеть салонов красоты и клиника косметологии в Минске"
    greeting: str = "Здравствуйте! Это «Итейра», сеть салонов красоты и клиника косметологии. Чем могу помочь?"
    farewell: str = "Спасибо за звонок! Хорошего дня, до свидания!"
    hours: str = ""
    """Opening hours, as one would say them; the model knows them then without a search."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "Europe/Minsk"
    """Where the company's days begin and end (IANA name)."""
    region: Annotated[str, AfterValidator(_region)] = "BY"
    """Country of telephone numbers that are written without a country code."""


class Settings(Section):
    server: Server = Server()
    talkme: TalkMe = TalkMe()
    agent: Agent = Agent()
    knowledge: Knowledge = Knowledge()
    store: Store = Store()
    limits: Limits = Limits()
    logging: Logging = Logging()
    admin: Admin = Admin()
    company: Company = Company()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        problems = list(self._contradictions())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _contradictions(self) -> list[str]:
        server, talkme, agent = self.server, self.talkme, self.agent
        checks = [
            (
                server.reply_wait >= server.message_timeout,
                f"server.reply_wait = {server.reply_wait:g} must be less than server.message_timeout = "
                f"{server.message_timeout:g}: the webhook would wait longer than a turn may take",
            ),
            (
                talkme.timeout > server.message_timeout,
                f"talkme.timeout = {talkme.timeout:g} must not be more than server.message_timeout = "
                f"{server.message_timeout:g}: one call cannot outlast its turn",
            ),
            (
                server.stale_after <= server.reply_wait,
                f"server.stale_after = {server.stale_after:g} must be more than server.reply_wait = "
                f"{server.reply_wait:g}: a message would expire while its webhook still waits",
            ),
            (
                self.store.lease >= server.stale_after,
                f"store.lease = {self.store.lease:g} must be less than server.stale_after = {server.stale_after:g}: "
                "what a dead worker leaves behind would be too old to be answered",
            ),
            (
                server.role != "all" and self.store.url.startswith("memory://"),
                f"server.role = {server.role} needs a store that processes share: memory:// is not one",
            ),
            (
                agent.timeout >= server.message_timeout,
                f"agent.timeout = {agent.timeout:g} must be less than server.message_timeout = "
                f"{server.message_timeout:g}: nothing would be left for the offline consultant and for delivery",
            ),
            (
                agent.second_model is None and bool(agent.second_base_url or agent.second_api_key),
                "agent.second_model is missing: agent.second_base_url and agent.second_api_key are about it",
            ),
            (
                agent.summary_after > agent.history,
                f"agent.summary_after = {agent.summary_after} must not be more than agent.history = {agent.history}: "
                "what is not seen any more cannot be summarised",
            ),
            (
                agent.provider == "openai" and not agent.api_key,
                "agent.provider = openai needs agent.api_key (or OPENAI_API_KEY)",
            ),
            (
                self.knowledge.embedder == "openai" and not agent.api_key,
                "knowledge.embedder = openai needs agent.api_key (or OPENAI_API_KEY)",
            ),
            (
                server.workers > 1 and self.store.url.startswith("memory://"),
                f"server.workers = {server.workers} needs a store that processes share: memory:// is not one",
            ),
        ]
        return [text for wrong, text in checks if wrong]

    def time_budget(self) -> list[str]:
        """What the time limits mean together for one turn, a line a fact."""
        server, talkme = self.server, self.talkme
        thinking = self.agent.timeout if self.agent.consultant == "openai" else 0
        left = server.message_timeout - thinking
        delivery = talkme.attempts * talkme.timeout
        lines = [
            f"A turn may take {server.message_timeout:g} s; its webhook waits {server.reply_wait:g} s of them "
            "and is told «Сообщение принято» if the reply comes later.",
            f"Delivery: {talkme.attempts} attempts x {talkme.timeout:g} s = {delivery:g} s and the pauses between, "
            "within what the answer has left of the turn: all attempts share its deadline.",
        ]
        if delivery >= left:
            lines.append(
                f"Should TalkMe hang, they do not all happen: the answer may take {thinking:g} s, "
                f"and the {left:g} s that are left then are enough for {int(left // talkme.timeout)} whole attempts."
            )
        lines.append(
            f"If a worker dies, another takes its callers over within {self.store.lease:g} s; a message that is "
            f"older than {server.stale_after:g} s by then is not spoken any more."
        )
        return lines


def load(config: Path | None = None, flags: Mapping[str, object] | None = None) -> Settings:
    """The settings in force: `flags` ("section.key" to value), environment, `.env`, TOML, default, in this order.

    `config` is the TOML file; None takes `ITEIRA_CONFIG`, else `config.toml` of the working directory if there is one.
    Raises `SettingsError`, one line a problem, each with origin, key, value and what is expected.
    """
    values, origins = gather(config, flags or {})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = [line for item in error.errors() for line in _explain(item, origins)]
        raise SettingsError("\n".join(problems)) from None


@dataclass(frozen=True, slots=True)
class InForce:
    """One setting as it is: `section.key`, its value as one would write it, and where that comes from.

    A secret is told as `(set)`, an address without its password.
    """

    name: str
    value: object
    origin: str


def in_force(config: Path | None = None, flags: Mapping[str, object] | None = None) -> list[InForce]:
    """Every setting, in the order of the documentation. Raises as `load`."""
    settings = load(config, flags)
    _, origins = gather(config, flags or {})
    found = []
    for name in names():
        section, key = name.split(".")
        value = getattr(getattr(settings, section), key)
        found.append(InForce(name, _shown(value), origins.get((section, key), "default")))
    return found


def _shown(value: object) -> object:
    match value:
        case SecretStr():
            return "(set)"
        case list():
            return [_shown(each) for each in value]
        case Path():
            return str(value)
        case str():
            return PASSWORD.sub(r"\1***@", value)
    return value


def _explain(item: Any, origins: Origins) -> list[str]:
    """One pydantic error as lines for the person who wrote the value."""
    location = tuple(str(part) for part in item["loc"])
    if not location:
        lines = str(item["ctx"]["error"]).splitlines()
        return [f"{origins.get(tuple(line.split(' ')[0].split('.')), 'default')}: {line}" for line in lines]
    name, where = ".".join(location[:2]), origins.get(location[:2]) or origins.get(location[:1], "settings")
    if item["type"] == "extra_forbidden":
        return [f"{where}: {name} is not a setting{suggestion(name, [*Settings.model_fields, *names()])}"]
    expected = item["msg"].removeprefix("Value error, ").replace("Input should be", "expected", 1)
    secret = location[-1].endswith(("api_key", "token")) or "tokens" in location
    value = "(hidden)" if secret or "@" in str(item["input"]) else repr(item["input"])
    return [f"{where}: {name} = {value}: {expected}"]


def names() -> list[str]:
    """All settings as `section.key`, in the order of the documentation."""
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in field.default.__class__.model_fields
    ]
