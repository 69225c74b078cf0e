"""Every setting: name, default and unit.

What is expected of a value is in `settings_values`, what settings mean together in `settings_together`, where values
come from in `settings_sources`.

Names are `[section] key` in TOML and `ITEIRA_SECTION__KEY` in the environment. All times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
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
from server.knowledge.bounds import Bounds
from server.knowledge.confidence import MIN_CONFIDENCE
from server.settings_daemon import HOST, LARGEST_PORT, PORT
from server.settings_sources import Origins, gather, suggestion
from server.settings_together import contradictions, time_budget
from server.settings_values import (
    AdminToken,
    ApiKey,
    HttpUrl,
    Networks,
    PageOrigins,
    Rate,
    Region,
    Seconds,
    StoreUrl,
    TalkMeToken,
    TimeZone,
    Tokens,
    WebhookSecret,
    comma_separated,
)
from server.stores.base import LONGEST_LEASE


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
    host: str = HOST
    port: int = Field(PORT, ge=1, le=LARGEST_PORT)
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
    insecure: bool = False
    """Whether it may listen on an address of the network without `admin.token`."""
    webhook_secret: Annotated[WebhookSecret | None, BeforeValidator(lambda value: value or None)] = None
    """What webhooks must carry in the header X-Webhook-Secret, or as the last segment of their path."""
    allow_from: Networks = []
    """Addresses and networks from which webhooks are taken; empty: from everywhere."""
    trusted_proxies: Networks = []
    """Proxies whose word counts on whom a request comes from; empty: nobody's."""
    forwarded_by: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The header in which they say it."""
    behind_tls: bool = False
    """Whether callers reach it by HTTPS alone: browsers are told to stay with it (HSTS)."""
    cors_origins: PageOrigins = []
    """Origins of pages that may call the administration, with its token; empty: none."""
    hangs_after: float = Field(10, ge=1, le=600)
    """A worker whose event loop is silent for so long is killed and replaced; with one worker the service manager's
    watchdog does it."""


class TalkMe(Section):
    base_url: HttpUrl = "https://api.talkme.ru/"
    tokens: Annotated[list[TalkMeToken], BeforeValidator(comma_separated)] = []
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
    count_tokens: bool = True
    """Whether a provider is asked to tell how many tokens an answer took (`stream_options`); one that refuses is not
    asked again."""
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
    file_size: int = Field(Bounds().size, ge=1024, le=1024**3)
    """Bytes of one file; what is over this limit or one of the next three is reported and skipped."""
    file_timeout: Seconds = Bounds().seconds
    """How long reading one file may take."""
    file_memory: int = Field(Bounds().memory, ge=128 * 1024**2, le=64 * 1024**3)
    """Bytes of memory of the process that reads the files."""
    documents: int = Field(Bounds().documents, ge=1, le=1_000_000)
    """Rows and pieces of text of all files together; a long one counts once for each 1500 characters."""

    @property
    def bounds(self) -> Bounds:
        """What one file may cost."""
        return Bounds(self.file_size, self.file_timeout, self.file_memory, self.documents)


class Store(Section):
    url: StoreUrl = "sqlite:///var/iteira.db"
    lease: float = Field(10, ge=1, le=LONGEST_LEASE)
    """A worker that died is replaced within this time."""
    session_idle: Seconds = 1800
    """After this silence the next message opens a new conversation."""
    retention: float = Field(30 * 86_400, ge=3600)
    """Finished messages are removed after this time, and sessions that have been silent for so long."""


class Limits(Section):
    inbox: int = Field(10_000, ge=1)
    """Messages that may wait; one more is refused with 503."""
    wait: float = Field(3.0, ge=0.5)
    """Seconds for which one may have to wait until a worker begins, once 50 wait; whoever would wait longer is refused
    with 503."""
    inbox_per_session: int = Field(100, ge=1, le=1000)
    """Of them, messages of one session."""
    concurrent_turns: int = Field(400, ge=1, le=10_000)
    """Turns one worker process has under way at the same time: its messages a second times the model's seconds. What
    is more waits in its order, which serves the first of a burst sooner than all together."""
    body: int = Field(65_536, ge=1024, le=10_485_760)
    """Bytes of a webhook's body; more is refused with 413."""
    text: int = Field(4000, ge=1, le=4000)
    """Characters of a message that are answered; the rest is dropped with a warning."""
    per_user: Rate = "120/minute"
    """Messages of one user that are accepted; more is refused with 429. `off`: without a limit, as the other rates."""
    per_token: Rate = "300/second"  # noqa: S105 - no secret
    """Messages with one token: all callers of a channel of TalkMe together."""
    per_address: Rate = "300/second"
    """Messages and other requests from one address; all of TalkMe's calls come from a few."""
    wrong_tokens: Rate = "20/minute"
    """Wrong tokens from one address, after which it is not let in for the rest of that time."""


class Logging(Section):
    dir: Path = Path("var/logs")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    texts: bool = False
    """Whether callers' words are logged, which are personal data."""


class Admin(Section):
    token: AdminToken | None = None
    """Bearer token of the administration; without one only this machine is answered."""
    other_tokens: Tokens = []
    """Further tokens with the same rights, such as the one that is being replaced."""
    read_tokens: Tokens = []
    """Tokens that may look and change nothing; personal data is hidden from their bearers."""
    allow_from: Networks = []
    """Addresses and networks from which the administration is answered; empty: from everywhere. Health always is."""


class Tracing(Section):
    endpoint: HttpUrl | None = None
    """Base address of an OpenTelemetry collector that takes OTLP over HTTP; without one there are no traces."""


class Company(Section):
    name: str = "Итейра"
    about: str = "премиальная сеть салонов красоты и клиника косметологии в Минске"
    greeting: str = "Здравствуйте! Это «Итейра», сеть салонов красоты и клиника косметологии. Чем могу помочь?"
    farewell: str = "Спасибо за звонок! Хорошего дня, до свидания!"
    hours: str = ""
    """Opening hours, as one would say them; the model knows them then without a search."""
    timezone: TimeZone = "Europe/Minsk"
    """Where the company's days begin and end (IANA name)."""
    region: Region = "BY"
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
    tracing: Tracing = Tracing()
    company: Company = Company()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        problems = contradictions(self)
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def time_budget(self) -> list[str]:
        """What the time limits mean together for one turn, a line a fact."""
        return time_budget(self)


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


def complaint(name: str, value: str) -> str | None:
    """What is wrong with this value of one setting (`section.key`), looked at by itself; None if nothing is."""
    section, key = name.split(".")
    try:
        Settings.model_validate({section: {key: value}})
    except ValidationError as error:
        told = [line for item in error.errors() for line in _explain(item, {(section, key): "the answer"})]
        return "; ".join(told)
    return None


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
    secret = location[-1].endswith(("api_key", "token", "secret")) or any(part.endswith("tokens") for part in location)
    value = "(hidden)" if secret or set("@?#") & set(str(item["input"])) else repr(item["input"])
    return [f"{where}: {name} = {value}: {expected}"]


def names() -> list[str]:
    """All settings as `section.key`, in the order of the documentation."""
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in field.default.__class__.model_fields
    ]
