"""`iteira dev`: the daemon and a mock TalkMe in one terminal."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Failed, Usage
from iteira_cli.interruption import interrupt
from iteira_cli.mock_address import DEFAULT_PORT, at_mock, cannot_listen
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
from iteira_cli.options import Invocation, address, load_settings
from iteira_cli.program import typed
from iteira_cli.side_by_side import Program, fail_if_one_ended, stop
from iteira_cli.source_files import SourceFiles, checkout, flaw

if TYPE_CHECKING:
    from iteira_cli.output import Output
    from server.settings import Settings

CONFIGURATION, CODE = "configuration", "code"
DEFAULT_DAEMON = "http://127.0.0.1:8000"
LOOK_SECONDS = 0.2
"""Between two looks at the programs and at the files that a start reads."""


def dev(
    ctx: typer.Context,
    port: Annotated[int | None, typer.Option(help="Port of the daemon.", show_default="server.port")] = None,
    mock_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the mock TalkMe.")] = DEFAULT_PORT,
    llm: Llm = False,
    llm_script: LlmScript = None,
    first_token: FirstToken = FIRST_TOKEN,
    tokens_per_second: TokensPerSecond = TOKENS_PER_SECOND,
    chaos: Chaos = "",
    seed: Seed = 0,
) -> None:
    """Run the daemon and a mock TalkMe together, ready to take a simulated call. One Ctrl-C stops both.

    With --llm the mock is a model provider too, and the daemon's consultant is OpenAI's; no key is needed. The daemon
    starts again when its configuration's files change; in a checkout of the source both do when their code does.

    Example: iteira dev
    """
    from iteira_cli.output import Output

    faults_of(chaos, seed)  # better told now than by the mock
    llm = llm or llm_script is not None
    settings = load_settings(ctx, {"server.port": port})
    host, port = settings.server.host, settings.server.port
    daemon, talkme = address(host, port), address("127.0.0.1", mock_port)
    if port == mock_port:
        raise Usage("--port and --mock-port: two different ports are expected")
    _check_free(host, port, mock_port)
    output = Output()
    config = ctx.ensure_object(Invocation).config
    chosen = ["--chaos", chaos, "--seed", str(seed)]
    model = _model(llm_script, first_token, tokens_per_second) if llm else []
    mock = Program(
        *("mock", "mock_server"),
        command=["mock", "--port", str(mock_port), "--daemon", daemon, *chosen, *model],
        health=f"{talkme}/health",
    )
    serving = Program(
        *("daemon", "server"),
        command=["serve", "--port", str(port)],
        health=f"{daemon}/webhook/talkme/health",
        environment=_environment(settings, talkme, _at_model(mock_port) if llm else {}),
        config=config,
    )
    files = Files(config, SourceFiles(checkout(), ("server", "mock_server")))
    signal.signal(signal.SIGTERM, interrupt)
    try:
        for program in (mock, serving):
            program.start()
        mock.until_ready()
        serving.until_ready([mock])
        _say_what_to_do(output, daemon, talkme)
        while True:
            for what, program in files.wait_for_change(serving, mock):
                usable = _importable(program, output) if what == CODE else _usable(ctx, port, output)
                if usable:
                    _again(program, what, files, output)
    except KeyboardInterrupt:
        output.note("stopping")
    finally:
        files.source.close()
        stop([mock, serving])


def _again(program: Program, what: str, files: Files, output: Output) -> None:
    """Let it run with what has changed. If it does not, that is told, and the next change is its next chance."""
    stop([program])
    program.start()
    try:
        if program.until_ready(given_up=files.changed):
            output.note(f"the {program.name} runs with the changed {what}")
    except Failed as error:
        stop([program])
        output.error(f"with the changed {what} {error}", f"the {program.name} starts again when a file changes")


def _say_what_to_do(output: Output, daemon: str, talkme: str) -> None:
    """Where to click, and what to type next."""
    at_daemon = [] if daemon == DEFAULT_DAEMON else ["--url", daemon]
    rows = [
        ("Call it from this page", f"{talkme}/"),
        ("or from a second terminal", typed("simulate-call", *at_daemon, *at_mock(talkme))),
        ("Let a hundred call at once", typed("simulate-load", *at_daemon, *at_mock(talkme))),
        ("See who called", typed("stats", *at_daemon)),
    ]
    output.box(f"ready: the daemon on {daemon}, the mock TalkMe on {talkme}", rows, "Ctrl-C stops both.")


def _environment(settings: Settings, talkme: str, model: Mapping[str, str]) -> dict[str, str]:
    """What the daemon is configured with beside its files."""
    environment = {**os.environ, "ITEIRA_TALKME__BASE_URL": talkme, **model}
    if secret := settings.server.webhook_secret:
        environment["ITEIRA_SERVER__WEBHOOK_SECRET"] = secret.get_secret_value()  # for the mock's page
    return environment


def _model(script: Path | None, first_token: float, tokens_per_second: float) -> list[str]:
    """The options that make the mock a model provider."""
    pace = ["--first-token", str(first_token), "--tokens-per-second", str(tokens_per_second)]
    return ["--llm", *pace, *(["--llm-script", str(script)] if script else [])]


def _at_model(mock_port: int) -> dict[str, str]:
    """What makes the daemon ask the mock's model, whatever else is configured."""
    return {
        "ITEIRA_AGENT__PROVIDER": "openai",
        "ITEIRA_AGENT__BASE_URL": f"{address('127.0.0.1', mock_port)}/v1",
        "ITEIRA_AGENT__API_KEY": ANY_KEY,
    }


def _check_free(host: str, port: int, mock_port: int) -> None:
    """Better told now than by two programs at once."""
    import mock_server.serving
    import server.serving
    from server.errors import SettingsError

    try:
        server.serving.listen(host, port).close()
    except SettingsError as error:
        raise Failed(str(error)) from None
    try:
        mock_server.serving.listen("127.0.0.1", mock_port).close()
    except OSError as error:
        raise cannot_listen(error, "127.0.0.1", mock_port, "--mock-port") from None


class Files:
    """The files that a start reads: of the configuration, which may come and go, and of the code."""

    def __init__(self, config: Path | None, source: SourceFiles) -> None:
        self._config, self.source = config, source
        self._seen = self._look()
        self._changed: set[str] = set()
        """Packages, and the configuration."""

    def changed(self) -> bool:
        """Whether there is something that `wait_for_change` would tell at once."""
        before, self._seen = self._seen, self._look()
        self._changed |= self.source.changed() | ({CONFIGURATION} if self._seen != before else set())
        return bool(self._changed)

    def wait_for_change(self, daemon: Program, mock: Program) -> list[tuple[str, Program]]:
        """What has changed, for which program. Raises `Failed` if one ends meanwhile that was ready."""
        while not self.changed():
            fail_if_one_ended(program for program in (daemon, mock) if program.proven)
            time.sleep(LOOK_SECONDS)
        changed, self._changed = self._changed, set()
        code = [(CODE, program) for program in (mock, daemon) if program.package in changed]
        return code if (CODE, daemon) in code or CONFIGURATION not in changed else [*code, (CONFIGURATION, daemon)]

    def _look(self) -> dict[str, int]:
        from server.errors import SettingsError
        from server.settings_sources import files_read

        seen = {}
        with suppress(OSError, SettingsError):  # half written, or just gone: the next look sees it
            for path in files_read(self._config):
                seen[path] = Path(path).stat().st_mtime_ns
        return seen


def _usable(ctx: typer.Context, port: int, output: Output) -> bool:
    """Whether the daemon can start with the changed configuration; if not, what is wrong with it is told."""
    from server.errors import SettingsError

    try:
        load_settings(ctx, {"server.port": port})
    except SettingsError as error:
        output.error(f"{error}", "the daemon goes on with the configuration it has")
        return False
    output.note("the configuration has changed: the daemon starts again")
    return True


def _importable(program: Program, output: Output) -> bool:
    """Whether it can start with the changed code; if not, what is wrong with it is told."""
    if wrong := flaw(program.package):
        kept = f"the {program.name} goes on with the code it has" if program.process else "change it again"
        output.error(f"the changed code cannot be imported: {wrong}", kept)
        return False
    output.note(f"the code has changed: the {program.name} starts again")
    return True
