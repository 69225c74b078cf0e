from __future__ import annotations

import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from iteira_cli.app import COMMANDS, app

from . import documents
from .scripted_daemon import Reply, ScriptedDaemon, Seen
from .terminal import iteira

HEAVY = {"fastapi", "openai", "httpx", "numpy", "pydantic", "server", "mock_server"}
STATS = "GET /webhook/talkme/stats"


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from iteira_cli.app import app\n"
        "try:\n    app(['--help'])\n"
        "except SystemExit as end:\n    print('exit', end.code)\n"
        f"print('loaded', sorted({HEAVY!r} & sys.modules.keys()))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8")
    *shown, end, loaded = run.stdout.splitlines()
    assert (end, loaded) == ("exit 0", "loaded []"), run.stderr
    listed = {line.split()[1] for line in shown if len(line.split()) > 2}
    assert set(COMMANDS) <= listed, run.stdout


def test_a_document_of_the_daemon_is_printed_without_loading_what_it_does_not_need(daemon: ScriptedDaemon) -> None:
    daemon.answers[STATS] = (200, documents.STATS)
    program = (
        "import sys\n"
        "from iteira_cli.app import app\n"
        f"try:\n    app(['stats', '--json', '--url', {daemon.url!r}])\n"
        "except SystemExit as end:\n    print('exit', end.code)\n"
        "print('loaded', sorted({'rich', 'httpx', 'dotenv', 'server.settings'} & sys.modules.keys()))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8")
    assert run.stdout.splitlines()[-2:] == ["exit 0", "loaded []"], run.stderr


def test_every_command_explains_itself_with_an_example() -> None:
    for name in COMMANDS:
        shown = CliRunner().invoke(app, [name, "--help"])
        assert shown.exit_code == 0, shown.stderr
        assert "Example: iteira" in shown.stdout, name


@pytest.mark.parametrize("command", [[], ["selftest"], ["failed", "retry"], ["sessions"]])
def test_help_shows_no_type_beside_a_flag_and_wraps_at_the_width_of_the_terminal(command: list[str]) -> None:
    shown = iteira(*command, "--help", COLUMNS="80").stdout
    assert "bool" not in shown
    assert "[OPTIONS]" in shown
    text = shown.partition("╭")[0].splitlines()
    paragraph = [line.rstrip() for line in text if line.strip()]
    short = [line for line, after in pairwise(text) if line.strip() and after.strip() and len(line.rstrip()) < 50]
    assert short == [], paragraph


def test_the_name_alone_shows_help() -> None:
    alone = iteira()
    assert alone.returncode == 0
    assert "Usage: iteira" in alone.stdout
    assert "stats" in alone.stdout
    assert alone.stderr == ""


def test_a_group_alone_shows_its_help() -> None:
    alone = CliRunner().invoke(app, ["sessions"])
    assert alone.exit_code == 0
    assert "clear" in alone.stdout
    assert alone.stderr == ""


def test_a_mistyped_command_is_answered_with_the_nearest() -> None:
    wrong = CliRunner().invoke(app, ["stast"])
    assert wrong.exit_code == 2
    assert wrong.stdout == ""
    assert "Did you mean 'stats'" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 2


def test_an_unknown_option_is_wrong_usage_and_says_where_help_is() -> None:
    wrong = CliRunner().invoke(app, ["stats", "--frobnicate"], prog_name="iteira")
    assert wrong.exit_code == 2
    assert wrong.stderr.splitlines() == [
        "Error: No such option: --frobnicate",
        "`iteira stats --help` shows what it takes",
    ]


def test_a_global_option_in_the_wrong_place_is_answered_with_the_right_one() -> None:
    wrong = CliRunner().invoke(app, ["stats", "--config", "other.toml"])
    assert wrong.exit_code == 2
    assert "right behind `iteira`" in wrong.stderr


def test_a_daemon_that_is_down_is_exit_code_3_and_one_line_with_what_to_do(nobody: str) -> None:
    down = iteira("stats", "--url", nobody)
    assert down.returncode == 3
    assert down.stdout == ""
    assert down.stderr.splitlines() == [
        f"Error: the daemon does not answer at {nobody} (Connection refused): "
        "start it with `iteira serve` (or `iteira dev`), or pass --url",
    ]


NEEDS_THE_DAEMON = (
    *("stats", "why u-1", "sessions list", "sessions show u-1", "sessions export u-1"),
    *("sessions clear u-1 --yes", "failed list", "failed show m-1", "failed retry m-1", "failed drop m-1 --yes"),
    *("kb status", "kb search цена", "kb gaps"),
)


@pytest.mark.parametrize("line", NEEDS_THE_DAEMON)
def test_whoever_the_daemon_does_not_let_in_gets_exit_code_3_and_one_line_with_what_to_do(
    line: str, daemon: ScriptedDaemon
) -> None:
    daemon.any = lambda seen: (401, {"error": "the token is wrong"})
    shut_out = CliRunner().invoke(app, [*line.split(), "--url", daemon.url, "--token", "a-wrong-token"])
    assert (shut_out.exit_code, shut_out.stdout) == (3, "")
    assert shut_out.stderr.splitlines() == [
        "Error: the admin token is refused: set admin.token (ITEIRA_ADMIN__TOKEN) as the daemon has it, or pass --token"
    ]


def test_an_unusable_configuration_is_exit_code_2_and_names_the_value(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[server]\nport = 0\n")
    bad = iteira("--config", "bad.toml", "stats")
    assert bad.returncode == 2
    assert bad.stdout == ""
    assert "bad.toml: server.port = 0" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_the_configuration_file_can_be_named_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[server]\nport = 0\n")
    assert "bad.toml: server.port = 0" in iteira("stats", ITEIRA_CONFIG="bad.toml").stderr


def test_an_unexpected_error_is_no_traceback_unless_asked_for(daemon: ScriptedDaemon) -> None:
    daemon.answers[STATS] = (
        200,
        documents.STATS | {"queue": {}, "knowledge": {"documents_count": 0, "embedder": "e5"}},
    )
    plain = iteira("stats", "--url", daemon.url)
    assert plain.returncode == 1
    assert "unexpected: KeyError: 'depth'" in plain.stderr
    assert "Traceback" not in plain.stderr
    assert len(plain.stderr.splitlines()) == 2
    debug = iteira("--debug", "stats", "--url", daemon.url)
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr


def test_an_interrupt_ends_with_130_and_no_traceback(daemon: ScriptedDaemon) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(seen: Seen) -> Reply:
        asked.set()
        answer.wait(timeout=60)
        return 200, {}

    daemon.answers[STATS] = hang
    command = [sys.executable, "-m", "iteira_cli", "stats", "--url", daemon.url]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert asked.wait(timeout=60), "the daemon was never asked"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    answer.set()
    assert (process.returncode, errors) == (130, "")
