from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from iteira_cli.app import app

from .documents import DETAIL, SESSION, STATS
from .scripted_daemon import Reply, ScriptedDaemon, Seen
from .terminal import iteira, iteira_on_terminal, plain

USER = SESSION["user_id"]
CLEARED = {"message": "Сессия очищена"}
ALL_CLEARED = {"message": "Все сессии очищены", "cleared_sessions": 3}


@pytest.fixture(autouse=True)
def _scripted(daemon: ScriptedDaemon) -> None:
    daemon.answers = {
        "GET /webhook/talkme/sessions": (200, {"sessions": [SESSION]}),
        "DELETE /webhook/talkme/sessions": (200, ALL_CLEARED),
        f"GET /webhook/talkme/session/{USER}": (200, DETAIL),
        f"DELETE /webhook/talkme/session/{USER}": (200, CLEARED),
    }


def sessions(daemon: ScriptedDaemon, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["sessions", *arguments, "--url", daemon.url])


def deletions(daemon: ScriptedDaemon) -> list[str]:
    return [seen.path for seen in daemon.seen if seen.method == "DELETE"]


@pytest.mark.parametrize(
    ("command", "document"),
    [
        (["list"], {"sessions": [SESSION]}),
        (["show", USER], DETAIL),
        (["clear", USER, "--yes"], CLEARED),
        (["clear", "--all", "-y"], ALL_CLEARED),
    ],
)
def test_json_is_the_document_of_the_api_unchanged(
    daemon: ScriptedDaemon, command: list[str], document: dict[str, object]
) -> None:
    shown = sessions(daemon, *command, "--json")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert json.loads(shown.stdout) == document


@pytest.mark.usefixtures("minsk")
def test_the_list_has_a_line_for_each_caller(daemon: ScriptedDaemon) -> None:
    shown = sessions(daemon, "list").stdout
    assert f"{USER} Анастасия – 1 2025-11-22 11:00:00 2025-11-22 11:01:30" in " ".join(shown.split())


def test_no_sessions_are_said_to_be_none(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /webhook/talkme/sessions"] = (200, {"sessions": []})
    assert "Sessions: none" in sessions(daemon, "list").stdout


@pytest.mark.usefixtures("minsk")
def test_a_piped_transcript_has_a_line_for_each_thing_said(daemon: ScriptedDaemon) -> None:
    lines = sessions(daemon, "show", USER).stdout.splitlines()
    assert lines[-2:] == [
        "2025-11-22 11:00:00 caller: Сколько стоит стрижка?",
        "2025-11-22 11:00:01 consultant (failed): Женская стрижка стоит от пятидесяти рублей. Записать вас?"
        " [TalkMe refused the [token]]",
    ]


def test_on_a_terminal_the_caller_stands_left_and_the_consultant_right(daemon: ScriptedDaemon) -> None:
    shown = plain(iteira_on_terminal("sessions", "show", USER, "--url", daemon.url).stdout).splitlines()
    caller = next(line for line in shown if "Сколько" in line)
    consultant = next(line for line in shown if "Записать" in line)
    assert caller.startswith("│")
    assert caller.rstrip().endswith("│")
    assert len(caller.rstrip()) < 60
    assert consultant.startswith("    ")
    assert len(consultant) == 80
    assert consultant.endswith("│")
    assert any("TalkMe refused the [token]" in line for line in shown)


def test_an_unknown_session_fails_and_says_where_the_known_are(daemon: ScriptedDaemon) -> None:
    shown = sessions(daemon, "show", "nobody")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr.splitlines() == [
        "Error: there is no session of nobody",
        "`iteira sessions list` shows all",
    ]


@pytest.mark.parametrize("arguments", [["clear"], ["clear", USER, "--all"]])
def test_clearing_wants_either_one_or_all(daemon: ScriptedDaemon, arguments: list[str]) -> None:
    shown = sessions(daemon, *arguments, "--yes")
    assert shown.exit_code == 2
    assert "either one USER_ID or --all" in shown.stderr
    assert deletions(daemon) == []


@pytest.mark.parametrize("which", [USER, "--all"])
def test_without_a_terminal_clearing_needs_yes(daemon: ScriptedDaemon, which: str) -> None:
    shown = iteira("sessions", "clear", which, "--url", daemon.url)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert "--yes" in shown.stderr
    assert deletions(daemon) == []


def test_clearing_says_what_was_done(daemon: ScriptedDaemon) -> None:
    shown = sessions(daemon, "clear", USER, "--yes")
    assert (shown.exit_code, shown.stdout) == (0, "Сессия очищена\n")
    assert deletions(daemon) == [f"/webhook/talkme/session/{USER}"]


@pytest.mark.parametrize(
    ("types", "code", "deleted"),
    [("y\n", 0, ["/webhook/talkme/sessions"]), ("n\n", 1, []), ("\n", 1, []), ("\x04", 130, [])],
)
def test_on_a_terminal_clearing_asks_first(daemon: ScriptedDaemon, types: str, code: int, deleted: list[str]) -> None:
    shown = iteira_on_terminal("sessions", "clear", "--all", "--url", daemon.url, types=types)
    assert "Clear all sessions?" in shown.stdout
    assert shown.returncode == code, shown.stdout
    assert deletions(daemon) == deleted
    assert "Traceback" not in shown.stdout
    assert ("Error" in shown.stdout) == (code == 130), "to decline is no error"
    assert ("Nothing was changed." in shown.stdout) == (code == 1)


def test_a_pipe_that_cannot_hold_russian_gets_escapes_that_json_understands(daemon: ScriptedDaemon) -> None:
    shown = iteira("sessions", "show", USER, "--url", daemon.url, "--json", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.isascii()
    assert json.loads(shown.stdout) == DETAIL


def test_filters_are_asked_of_the_daemon(daemon: ScriptedDaemon) -> None:
    asked = "limit=5&page=2&active=true&waiting=true&phone=29123&name=%D0%90%D0%BD%D0%BD%D0%B0&sort=name"

    def answer(seen: Seen) -> Reply:
        return 200, {"sessions": [SESSION], "more": True}

    daemon.any = answer
    filters = ["--active", "--waiting", "--phone", "29123", "--name", "Анна"]
    shown = sessions(daemon, "list", *filters, "--sort", "name", "-n", "5", "--page", "2")
    assert shown.exit_code == 0, shown.stderr
    assert set(daemon.seen[-1].path.partition("?")[2].split("&")) == set(asked.split("&"))
    assert "there are more: `--page 3`" in shown.stdout


def test_since_becomes_a_time(daemon: ScriptedDaemon) -> None:
    daemon.any = lambda seen: (200, {"sessions": []})
    assert sessions(daemon, "list", "--since", "10m").exit_code == 0
    assert "since=20" in daemon.seen[-1].path
    wrong = sessions(daemon, "list", "--since", "soon")
    assert wrong.exit_code == 2
    assert "10m" in wrong.stderr


@pytest.mark.usefixtures("minsk")
def test_an_export_is_markdown_in_which_nothing_said_is_markup(daemon: ScriptedDaemon) -> None:
    daemon.answers[f"GET /webhook/talkme/session/{USER}?masked=true"] = (200, DETAIL | {"client_name": "А***"})
    shown = iteira("sessions", "export", USER, "--url", daemon.url)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == (
        "# Session xI4WylKDvtas\n"
        "\n"
        "- Name: А\\*\\*\\*\n"
        "- Messages: 1\n"
        "- Since: 2025-11-22 11:00:00\n"
        "- Last activity: 2025-11-22 11:01:30\n"
        "\n"
        "**2025-11-22 11:00:00 caller**\n"
        "\n"
        "> Сколько стоит стрижка?\n"
        "\n"
        "**2025-11-22 11:00:01 consultant (failed)**\n"
        "\n"
        "> Женская стрижка стоит от пятидесяти рублей.\n"
        "> Записать вас?\n"
        ">\n"
        "> (TalkMe refused the \\[token\\])\n"
    )


def test_an_export_shows_who_called_only_when_asked_to(daemon: ScriptedDaemon) -> None:
    masked = DETAIL | {"client_name": "А***"}
    daemon.answers[f"GET /webhook/talkme/session/{USER}?masked=true"] = (200, masked)
    assert json.loads(sessions(daemon, "export", USER, "--json").stdout) == masked
    assert json.loads(sessions(daemon, "export", USER, "--json", "--unmasked").stdout) == DETAIL


def test_a_dry_run_says_what_would_be_cleared_and_clears_nothing(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /webhook/talkme/stats"] = (200, STATS)
    everything = iteira("sessions", "clear", "--all", "--dry-run", "--url", daemon.url)
    assert everything.stdout == f"sessions that would be cleared: {STATS['total_sessions']}\n"
    assert iteira("sessions", "clear", "nobody", "--dry-run", "--url", daemon.url).returncode == 1
    assert [seen.method for seen in daemon.seen] == ["GET", "GET"]


def export_to(daemon: ScriptedDaemon, *arguments: str) -> Result:
    return sessions(daemon, "export", USER, "--unmasked", "--output", *arguments)


def test_an_export_goes_to_a_file_that_only_its_owner_reads(daemon: ScriptedDaemon, tmp_path: Path) -> None:
    shown = export_to(daemon, "call.json", "--json")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "written: call.json\n")
    assert json.loads((tmp_path / "call.json").read_text(encoding="utf-8")) == DETAIL
    assert (tmp_path / "call.json").stat().st_mode & 0o777 == 0o600
    assert export_to(daemon, "-").stdout.startswith(f"# Session {USER}\n")


def test_an_export_replaces_a_file_only_when_told_to(daemon: ScriptedDaemon, tmp_path: Path) -> None:
    (tmp_path / "call.md").write_text("precious")
    kept = export_to(daemon, "call.md")
    assert kept.exit_code == 2
    assert "call.md is there already" in kept.stderr
    assert "--yes" in kept.stderr
    assert ((tmp_path / "call.md").read_text(), daemon.seen) == ("precious", [])
    assert export_to(daemon, "call.md", "--yes").exit_code == 0
    assert (tmp_path / "call.md").read_text(encoding="utf-8").startswith(f"# Session {USER}\n")
    assert [each.name for each in tmp_path.iterdir()] == ["call.md"], "no draft is left behind"


def test_an_export_that_cannot_be_made_leaves_the_file_as_it_was(daemon: ScriptedDaemon, tmp_path: Path) -> None:
    (tmp_path / "call.md").write_text("precious")
    daemon.answers.clear()
    assert export_to(daemon, "call.md", "--yes").exit_code == 1
    assert (tmp_path / "call.md").read_text() == "precious"
    for place, why in (("nowhere/call.md", "there is no folder nowhere"), (".", "a file is expected")):
        wrong = export_to(daemon, place, "--yes")
        assert wrong.exit_code == 2
        assert why in wrong.stderr
