from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from iteira_cli.app import app
from iteira_cli.errors import Usage
from iteira_cli.options import moment

from .documents import DEAD, EXPIRED
from .scripted_daemon import ScriptedDaemon
from .terminal import iteira, iteira_on_terminal

FAILED = "/webhook/talkme/failed"
ONE = f"{FAILED}/m-1%2F2"
ID = DEAD["id"]
ALL = {"failed": [DEAD, EXPIRED]}
RETRIED = {"message": "message m-1/2 waits again"}
ALL_RETRIED = {"message": "2 messages wait again", "retried": 2, "more": False}
DROPPED = {"message": "message m-1/2 dropped"}


@pytest.fixture(autouse=True)
def _scripted(daemon: ScriptedDaemon) -> None:
    daemon.answers = {
        f"GET {FAILED}?limit=100": (200, ALL),
        f"GET {FAILED}?limit=1000": (200, ALL),
        f"GET {ONE}": (200, DEAD),
        f"POST {ONE}/retry": (200, RETRIED),
        f"POST {FAILED}/retry": (200, ALL_RETRIED),
        f"DELETE {ONE}": (200, DROPPED),
    }


def failed(daemon: ScriptedDaemon, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["failed", *arguments, "--url", daemon.url])


def changes(daemon: ScriptedDaemon) -> list[str]:
    return [f"{seen.method} {seen.path}" for seen in daemon.seen if seen.method != "GET"]


@pytest.mark.parametrize(
    ("command", "document"),
    [
        (["list"], ALL),
        (["show", ID], DEAD),
        (["retry", ID], RETRIED),
        (["retry", "--all", "--yes"], ALL_RETRIED),
    ],
)
def test_json_is_the_document_of_the_api_unchanged(
    daemon: ScriptedDaemon, command: list[str], document: dict[str, object]
) -> None:
    shown = failed(daemon, *command, "--json")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert json.loads(shown.stdout) == document


@pytest.mark.usefixtures("minsk")
def test_the_list_says_of_each_message_what_was_said_and_why_it_was_not_answered(daemon: ScriptedDaemon) -> None:
    lines = [" ".join(line.split()) for line in failed(daemon, "list").stdout.splitlines()]
    assert ("m-1/2 failed 2025-11-22 11:00:30 xI4WylKDvtas Сколько стоит стрижка? TalkMe refused the token") in lines
    assert "m-3 expired 2025-11-22 11:00:30 xI4WylKDvtas Сколько стоит стрижка? –" in lines


def test_none_are_said_to_be_none(daemon: ScriptedDaemon) -> None:
    daemon.answers[f"GET {FAILED}?limit=5"] = (200, {"failed": []})
    assert failed(daemon, "list", "--limit", "5").stdout == "Not answered: none\n\n"


def test_one_message_is_shown_whole(daemon: ScriptedDaemon) -> None:
    shown = failed(daemon, "show", ID).stdout
    for value in (DEAD["text"], DEAD["reply"], DEAD["reason"], DEAD["session_id"]):
        assert value in shown


@pytest.mark.parametrize("command", [["show"], ["retry"], ["drop", "--yes"], ["retry", "--dry-run"]])
def test_an_unknown_id_fails_and_says_where_the_known_are(daemon: ScriptedDaemon, command: list[str]) -> None:
    shown = failed(daemon, *command, "nothing")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr.splitlines() == [
        "Error: no failed message has the id nothing",
        "`iteira failed list` shows all",
    ]


def test_retry_and_drop_say_what_was_done(daemon: ScriptedDaemon) -> None:
    assert failed(daemon, "retry", ID).stdout == f"{RETRIED['message']}\n"
    assert failed(daemon, "retry", "--all", "--yes").stdout == f"{ALL_RETRIED['message']}\n"
    assert failed(daemon, "drop", ID, "--yes").stdout == f"{DROPPED['message']}\n"
    assert changes(daemon) == [f"POST {ONE}/retry", f"POST {FAILED}/retry", f"DELETE {ONE}"]


@pytest.mark.parametrize("arguments", [[], [ID, "--all"], ["--all", "--since", "10m"], [ID, "--since", "10m"]])
def test_retry_wants_one_or_all_or_the_latest(daemon: ScriptedDaemon, arguments: list[str]) -> None:
    shown = failed(daemon, "retry", *arguments, "--yes")
    assert shown.exit_code == 2
    assert "one ID, or --all, or --since" in shown.stderr
    assert changes(daemon) == []


@pytest.mark.parametrize("command", [["drop", ID], ["retry", "--all"], ["retry", "--since", "10m"]])
def test_without_a_terminal_what_cannot_be_undone_needs_yes(daemon: ScriptedDaemon, command: list[str]) -> None:
    shown = iteira("failed", *command, "--url", daemon.url)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert "--yes" in shown.stderr
    assert changes(daemon) == []


@pytest.mark.parametrize(
    ("command", "types", "code", "changed"),
    [
        (["drop", ID], "y\n", 0, [f"DELETE {ONE}"]),
        (["drop", ID], "n\n", 1, []),
        (["retry", "--all"], "y\n", 0, [f"POST {FAILED}/retry"]),
        (["retry", "--all"], "\n", 1, []),
    ],
)
def test_on_a_terminal_what_cannot_be_undone_is_asked_first(
    daemon: ScriptedDaemon, command: list[str], types: str, code: int, changed: list[str]
) -> None:
    shown = iteira_on_terminal("failed", *command, "--url", daemon.url, types=types)
    assert shown.returncode == code, shown.stdout
    assert "?" in shown.stdout
    assert changes(daemon) == changed


@pytest.mark.parametrize("command", [["drop", ID], ["retry", ID], ["retry", "--all"]])
def test_a_dry_run_shows_the_messages_and_changes_nothing(daemon: ScriptedDaemon, command: list[str]) -> None:
    shown = failed(daemon, *command, "--dry-run")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert ID in shown.stdout
    assert "Nothing was changed." in shown.stdout
    assert ("m-3" in shown.stdout) == ("--all" in command)
    assert changes(daemon) == []


def test_a_dry_run_has_its_document_too(daemon: ScriptedDaemon) -> None:
    shown = failed(daemon, "retry", "--all", "--dry-run", "--json")
    assert json.loads(shown.stdout) == {"dry_run": True, **ALL}


@pytest.mark.parametrize("command", [["list"], ["retry", "--yes"], ["retry", "--dry-run"]])
def test_since_is_sent_as_a_moment(daemon: ScriptedDaemon, command: list[str]) -> None:
    before = datetime.now(UTC)
    failed(daemon, *command, "--since", "10m")
    (since,) = parse_qs(urlsplit(daemon.seen[-1].path).query)["since"]
    ago = datetime.fromisoformat(since) - before + timedelta(minutes=10)
    assert timedelta(0) <= ago <= datetime.now(UTC) - before


@pytest.mark.parametrize(
    ("ago", "at"),
    [("30s", "11:59:30"), ("10m", "11:50:00"), ("2h", "10:00:00")],
)
def test_a_time_ago_is_a_number_with_its_unit(ago: str, at: str) -> None:
    assert moment(ago, datetime(2025, 11, 22, 12, tzinfo=UTC)) == f"2025-11-22T{at}+00:00"


def test_a_day_ago_is_yesterday() -> None:
    assert moment("1d", datetime(2025, 11, 22, 12, tzinfo=UTC)) == "2025-11-21T12:00:00+00:00"


@pytest.mark.parametrize("ago", ["", "10", "m", "1w", "-5m", "1.5h", "999999d"])
def test_any_other_time_is_wrong_usage(ago: str) -> None:
    with pytest.raises(Usage, match="10m, 2h or 1d is expected"):
        moment(ago, datetime(2025, 11, 22, tzinfo=UTC))
