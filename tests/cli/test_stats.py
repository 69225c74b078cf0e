from __future__ import annotations

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from iteira_cli.app import app

from .documents import STATS
from .scripted_daemon import ScriptedDaemon
from .terminal import iteira, iteira_on_terminal, plain

PATH = "GET /webhook/talkme/stats"


@pytest.fixture(autouse=True)
def _scripted(daemon: ScriptedDaemon) -> None:
    daemon.answers[PATH] = (200, STATS)


def test_json_is_the_document_of_the_api_unchanged(daemon: ScriptedDaemon) -> None:
    daemon.answers[PATH] = (200, STATS | {"something_newer": [1]})
    shown = iteira("stats", "--url", daemon.url, "--json")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout) == STATS | {"something_newer": [1]}


@pytest.mark.usefixtures("minsk")
def test_piped_figures_stand_in_plain_lines(daemon: ScriptedDaemon) -> None:
    shown = iteira("stats", "--url", daemon.url)
    assert shown.returncode == 0
    lines = {" ".join(line.split()) for line in shown.stdout.splitlines()}
    assert {
        "Up for 1:02:05",
        "Consultant offline (built-in, no AI model)",
        "Knowledge 120 documents, embedder e5",
        "Sessions 1 active of 7",
        "Messages processed 42",
        "Errors 3 (`iteira failed list` shows them)",
        "Webhooks refused 12 with 401, 1 with 503 (since the workers started)",
        "5 0:01:01 42 250 ms 1.5 s –",
        "w-1 minsk-1 4711 2 13 % 96 MB 1:02:00 offline",
        "Latest errors by stage talkme 2, waiting 1",
        "Last message 0:30:30 ago: unusually quiet, 31 usually come in that time",
        "waiting 42 2 ms 10 ms 20 ms",
        "first token 40 400 ms 900 ms 3.2 s",
        "xI4WylKDvt... Анастасия [red] +375291234567 2 2025-11-22 11:00:00 2025-11-22 11:01:30",
    } <= lines, shown.stdout
    assert "\x1b" not in shown.stdout
    assert [line for line in shown.stdout.splitlines() if line != line.rstrip()] == []
    assert shown.stderr == "Warning: prices.xlsx: is no spreadsheet\n"


def test_errors_that_are_dealt_with_are_not_looked_for_in_vain(daemon: ScriptedDaemon) -> None:
    daemon.answers[PATH] = (200, STATS | {"latest_errors": []})
    assert "Errors                  3 (`iteira failed list` is empty)" in iteira("stats", "--url", daemon.url).stdout


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_gets_tables_that_fit_it(daemon: ScriptedDaemon, columns: int) -> None:
    shown = iteira_on_terminal("stats", "--url", daemon.url, columns=columns)
    assert shown.returncode == 0
    lines = plain(shown.stdout).splitlines()
    assert max(map(len, lines)) <= columns, shown.stdout
    piped = iteira("stats", "--url", daemon.url)
    printed = (piped.stdout + piped.stderr).split()
    assert Counter("".join(lines).replace(" ", "")) == Counter("".join(printed)), "nothing is cut off"


def test_a_phone_number_is_not_broken_while_other_columns_can_give_way(daemon: ScriptedDaemon) -> None:
    assert "+375291234567" in iteira_on_terminal("stats", "--url", daemon.url, columns=80).stdout


def test_a_terminal_gets_colour_unless_it_declines(daemon: ScriptedDaemon) -> None:
    assert "\x1b[1m" in iteira_on_terminal("stats", "--url", daemon.url).stdout
    assert "\x1b[3" not in iteira_on_terminal("stats", "--url", daemon.url, NO_COLOR="1").stdout


def test_an_idle_daemon_without_workers_is_shown(daemon: ScriptedDaemon) -> None:
    none = {"count": 0, "p50": None, "p90": None, "p99": None}
    idle = {
        "active_sessions_details": [],
        "workers": [],
        "latency": none,
        "queue": {"depth": 0, "oldest_seconds": None},
    }
    newer = {"refused", "errors_by_stage", "latest_errors", "line"}
    older = {key: value for key, value in STATS.items() if key not in newer}
    knowledge = {"documents_count": 0, "embedder": "none"}
    daemon.answers[PATH] = (200, older | idle | {"errors": 0, "knowledge": knowledge})
    shown = CliRunner().invoke(app, ["stats", "--url", daemon.url])
    assert shown.exit_code == 0
    assert "Workers: none" in shown.stdout
    assert "Active sessions: none" in shown.stdout
    assert "iteira failed list" not in shown.stdout
    assert "refused" not in shown.stdout
    assert shown.stderr == ""


def test_a_wrong_token_fails_and_says_which_setting_it_is(daemon: ScriptedDaemon) -> None:
    daemon.answers[PATH] = (401, {"success": False, "error": "no"})
    shown = iteira("stats", "--url", daemon.url, "--token", "a-wrong-token-of-mine")
    assert (shown.returncode, shown.stdout) == (3, "")
    assert "admin.token" in shown.stderr
    assert "--token" in shown.stderr
    assert "a-wrong-token-of-mine" not in shown.stderr


def test_address_and_token_come_from_the_configuration(daemon: ScriptedDaemon) -> None:
    shown = iteira(
        "stats",
        ITEIRA_SERVER__HOST="0.0.0.0",
        ITEIRA_SERVER__PORT=str(daemon.port),
        ITEIRA_ADMIN__TOKEN="0123456789abcdef",
    )
    assert shown.returncode == 0, shown.stderr
    assert daemon.seen[0].headers["authorization"] == "Bearer 0123456789abcdef"


@pytest.mark.parametrize(("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")])
def test_a_daemon_that_listens_everywhere_is_reached_on_loopback(nobody: str, host: str, reached: str) -> None:
    port = nobody.rsplit(":", 1)[1]
    shown = iteira("stats", ITEIRA_SERVER__HOST=host, ITEIRA_SERVER__PORT=port)
    assert shown.returncode == 3
    assert f"does not answer at http://{reached}:{port}" in shown.stderr


def test_the_address_can_be_in_the_environment(daemon: ScriptedDaemon) -> None:
    assert iteira("stats", ITEIRA_URL=daemon.url).returncode == 0


def test_with_address_and_token_given_no_configuration_is_read(daemon: ScriptedDaemon) -> None:
    shown = iteira("--config", "missing.toml", "stats", "--url", daemon.url, "--token", "0123456789abcdef")
    assert shown.returncode == 0, shown.stderr
