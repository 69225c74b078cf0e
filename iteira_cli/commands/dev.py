"""`iteira dev`: the daemon and a mock TalkMe in one terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.commands.mock import (
    ANY_KEY,
    DEFAULT_PORT,
    FIRST_TOKEN,
    TOKENS_PER_SECOND,
    Chaos,
    FirstToken,
    Llm,
    LlmScript,
    Seed,
    TokensPerSecond,
    at_mock,
    cannot_listen,
    faults_of,
)
from iteira_cli.errors import Failed
from iteira_cli.options import Invocation, address, load_settings
from iteira_cli.program import typed
from iteira_cli.source_files import SourceFiles, checkout, flaw

if TYPE_CHECKING:
    from iteira_cli.output import Output

CONFIGURATION, CODE = "configuration", "code"
DEFAULT_DAEMON = "http://127.0.0.1:8000"
START_SECONDS = 180.0
"""The first start reads the whole knowledge base."""
STOP_SECONDS = 40.0
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
    starts again when its configuration's files change, and in a checkout of the source when its code does.

    Example: iteira dev
    """
    from iteira_cli.output import Output

    faults_of(chaos, seed)  # better told now than by the mock
    llm = llm or llm_script is not None
    ours = _at_model(mock_port) if llm else {}
    settings = load_settings(ctx, {"server.port": port})
    host, port = settings.server.host, settings.server.port
    daemon, talkme = address(host, port), address("127.0.0.1", mock_port)
    _check_free(host, port, mock_port)
    output = Output()
    environment = os.environ | {"ITEIRA_TALKME__BASE_URL": talkme} | ours
    pace = ["--first-token", str(first_token), "--tokens-per-second", str(tokens_per_second)]
    script = ["--llm-script", str(llm_script)] if llm_script else []
    model = ["--llm", *pace, *script] if llm else []
    config = ctx.ensure_object(Invocation)

    def serve() -> subprocess.Popen[bytes]:
        return _start("serve", "--port", str(port), config=config, environment=environment)

    programs = [
        _start("mock", "--port", str(mock_port), "--daemon", daemon, "--chaos", chaos, "--seed", str(seed), *model),
        serve(),
    ]
    files, source = _ConfigurationFiles(config.config), SourceFiles(checkout())
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _wait_until_ready(f"{daemon}/webhook/talkme/health", programs)
        _say_what_to_do(output, daemon, talkme)
        while True:
            what = _wait_for_change(files, source, programs)
            usable = _importable(output) if what == CODE else _usable(ctx, port, output)
            if usable:
                _stop([programs.pop()])
                programs.append(serve())
                _wait_until_ready(f"{daemon}/webhook/talkme/health", programs)
                output.note(f"the daemon runs with the changed {what}")
    except KeyboardInterrupt:
        output.note("stopping")
    finally:
        source.close()
        _stop(programs)


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


def _start(
    command: str, *options: str, config: Invocation | None = None, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    before = ["--config", str(config.config)] if config and config.config else []
    return subprocess.Popen([sys.executable, "-m", "iteira_cli", *before, command, *options], env=environment)  # noqa: S603


def _wait_until_ready(health: str, programs: list[subprocess.Popen[bytes]]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _fail_if_one_ended(programs)
        try:
            opener.open(health, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise Failed(f"the daemon was not ready within {START_SECONDS:g} s")


class _ConfigurationFiles:
    """The files that the configuration is read from, which may come and go."""

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._seen = self._look()

    def changed(self) -> bool:
        """Whether they are others, or others' content, than when it was asked last."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

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


def _importable(output: Output) -> bool:
    """Whether the daemon can start with the changed code; if not, what is wrong with it is told."""
    if wrong := flaw():
        output.error(f"the changed code cannot be imported: {wrong}", "the daemon goes on with the code it has")
        return False
    output.note("the code has changed: the daemon starts again")
    return True


def _wait_for_change(files: _ConfigurationFiles, source: SourceFiles, programs: list[subprocess.Popen[bytes]]) -> str:
    """What has changed. Raises `Failed` if a program ends meanwhile."""
    while True:
        if files.changed():
            return CONFIGURATION
        if source.changed():
            return CODE
        _fail_if_one_ended(programs)
        time.sleep(LOOK_SECONDS)


def _fail_if_one_ended(programs: list[subprocess.Popen[bytes]]) -> None:
    for program in programs:
        if program.poll() is not None:
            raise Failed("the daemon or the mock has ended; the lines above say why")


def _stop(programs: list[subprocess.Popen[bytes]]) -> None:
    """Ctrl-C has reached them already where there is a terminal; a second signal does no harm. Whoever presses it
    again does not want to wait for turns in flight: what they were answering stays in the inbox."""
    try:
        for program in programs:
            program.terminate()
        for program in programs:
            program.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        for program in programs:
            program.kill()
            program.wait()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
