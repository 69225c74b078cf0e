"""`iteira mock`: a TalkMe to practise on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Usage
from iteira_cli.mock_address import DEFAULT_PORT, at_mock, base_url, cannot_listen
from iteira_cli.mock_options import (
    ANY_KEY,
    FIRST_TOKEN,
    TOKENS_PER_SECOND,
    Chaos,
    FirstToken,
    Llm,
    LlmScript,
    Seed,
    TokensPerSecond,
    faults_of,
)
from iteira_cli.options import address
from iteira_cli.program import typed

if TYPE_CHECKING:
    from mock_server.calls import Call, Event
    from mock_server.faults import Faults
    from mock_server.openai_api import Model


def mock(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")] = DEFAULT_PORT,
    token: Annotated[
        list[str] | None,
        typer.Option(metavar="TOKEN", help="Accept this token; repeatable.", show_default="any is accepted"),
    ] = None,
    daemon: Annotated[
        str, typer.Option(metavar="URL", help="The daemon that the call console calls.")
    ] = "http://127.0.0.1:8000",
    webhook_secret: Annotated[
        str | None,
        typer.Option(
            envvar="ITEIRA_SERVER__WEBHOOK_SECRET",
            metavar="SECRET",
            help="That daemon's server.webhook_secret, if it has one.",
            show_default="none",
        ),
    ] = None,
    llm: Llm = False,
    llm_script: LlmScript = None,
    first_token: FirstToken = FIRST_TOKEN,
    tokens_per_second: TokensPerSecond = TOKENS_PER_SECOND,
    chaos: Chaos = "",
    seed: Seed = 0,
) -> None:
    """Run a mock TalkMe: it takes what the daemon sends and shows it, and has a page to call from.

    With --llm it is a model provider as well, for a daemon whose consultant is OpenAI's.

    Example: iteira mock --port 5001
    """
    from iteira_cli.output import Output
    from mock_server.app import create_app
    from mock_server.calls import MIN_TOKEN
    from mock_server.serving import Server, listen

    tokens = token or []
    if any(len(allowed) < MIN_TOKEN for allowed in tokens):
        raise Usage(f"--token: a token has at least {MIN_TOKEN} characters")
    output = Output()
    model = _model(llm_script, first_token, tokens_per_second) if llm or llm_script else None
    faults = faults_of(chaos, seed)
    daemon = base_url("--daemon", daemon)
    try:
        sock = listen(host, port)
    except OSError as error:
        raise cannot_listen(error, host, port) from None
    url = address(host, sock.getsockname()[1])
    for note in _ready(url, tokens, daemon, model, faults):
        output.note(note)
    app = create_app(
        tokens=tokens,
        watch=lambda call, event: output.note(_line(call, event)),
        model=model,
        faults=faults,
        daemon=daemon,
        headers={"X-Webhook-Secret": webhook_secret} if webhook_secret else None,
    )
    try:
        Server(app).run(sockets=[sock])
    except KeyboardInterrupt:
        output.note("Mock TalkMe stopped.")


def _ready(url: str, tokens: list[str], daemon: str, model: Model | None, faults: Faults) -> Iterator[str]:
    """What the mock is there for, and how it is found, a line each."""
    yield f"Mock TalkMe on {url} ({_accepts(tokens)}); stop it with Ctrl-C."
    call = typed("simulate-call", *at_mock(url))
    yield f"The daemon finds it with BASE_URL_TALKME={url}/; call it with `{call}`."
    yield f"Call the daemon at {daemon} from this page: {url}/"
    if model:
        yield f"Model provider: OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={ANY_KEY}"
    if faults.faults:
        yield f"Faults: {faults.chaos} (seed {faults.seed}); PUT {url}/faults changes them."


def _model(script: Path | None, first_token: float, tokens_per_second: float) -> Model:
    """Raises `Usage` for a script that cannot be used."""
    from mock_server.model_answers import Script, ScriptError, read_script
    from mock_server.openai_api import Model

    try:
        return Model(read_script(script) if script else Script(), first_token, tokens_per_second)
    except ScriptError as error:
        raise Usage(f"--llm-script: {error}") from None


def _accepts(tokens: list[str]) -> str:
    if not tokens:
        return "accepts any token"
    return "accepts 1 token" if len(tokens) == 1 else f"accepts {len(tokens)} tokens"


def _line(call: Call, event: Event) -> str:
    what = event.text or event.code or (f"{event.ttl} s" if event.ttl else "")
    return f"call {call.id}  {event.kind:<7}  {what}"
