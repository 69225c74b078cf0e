"""What the program says of itself: the reference, the versions, and what the shell completes."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from iteira_cli import __version__
from iteira_cli.app import COMMANDS, app
from iteira_cli.json_documents import ADMINISTRATION, BESIDE, OWN
from iteira_cli.reference import reference

from .documents import DEAD, SESSION
from .scripted_daemon import ScriptedDaemon
from .terminal import IteiraProcess, iteira

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_reference_is_what_the_commands_say() -> None:
    assert DOCS.read_text(encoding="utf-8") == reference(), "`make docs` writes it again"


def test_the_reference_names_every_command_option_and_exit_code() -> None:
    text = reference()
    assert [name for name in COMMANDS if f"\n## iteira {name}\n" not in text] == []
    assert "| `--watch`, `-w` |" in text
    assert "| 3 | the daemon cannot be reached, or does not let you in |" in text


@pytest.mark.parametrize("command", ["config show", "config check"])
def test_the_documents_have_the_keys_that_the_reference_names(command: str) -> None:
    named = {key.partition("[")[0] for key in re.split(r" (?![^\[]*\])", OWN[command])}
    assert json.loads(iteira(*command.split(), "--json").stdout).keys() == named


def test_documents_are_described_of_commands_that_there_are() -> None:
    text = reference()
    assert [name for name in OWN | ADMINISTRATION | BESIDE if f"# iteira {name}\n" not in text] == []


def commands(command: Any, path: str, ctx: Any) -> Iterator[tuple[str, Any]]:
    group = getattr(command, "commands", {})
    if not group:
        yield path, command
    for name, part in group.items():
        yield from commands(part, f"{path} {name}", ctx)


def test_every_command_of_every_group_has_an_example_that_calls_it() -> None:
    root: Any = typer.main.get_command(app)
    ctx = typer.Context(root, info_name="iteira")
    found = [leaf for name in COMMANDS for leaf in commands(root.get_command(ctx, name), f"iteira {name}", ctx)]
    assert len(found) > 20
    with_globals = {path: path.replace("iteira", r"iteira( --\S+ \S+)*", 1) for path, _ in found}
    without = [path for path, leaf in found if not re.search(f"Example: {with_globals[path]}", leaf.help or "")]
    assert without == []


def test_the_versions_that_matter_are_told_for_people_and_for_programs() -> None:
    lines = iteira("--version").stdout.splitlines()
    assert lines[0] == f"iteira {__version__}"
    for arguments in (("--version", "--json"), ("--json", "--version")):
        told = json.loads(iteira(*arguments).stdout)
        assert told["iteira"] == __version__
        assert {"python", "openai", "fastapi"} <= told.keys()
        assert [f"{name} {version or 'not installed'}" for name, version in told.items()] == lines
    alone = iteira("--json", "stats")
    assert alone.returncode == 2
    assert "behind the command" in alone.stderr


# Completion


def completed(line: str, **environment: str) -> IteiraProcess:
    words = {"_ITEIRA_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    return iteira(**words, **environment)


def offered(shown: IteiraProcess) -> list[str]:
    assert (shown.returncode, shown.stderr) == (0, "")
    return shown.stdout.split()


def test_commands_and_their_parts_are_completed() -> None:
    assert offered(completed("iteira sta")) == ["stats"]
    assert offered(completed("iteira sessions ex")) == ["export"]
    assert "activity" in offered(completed("iteira sessions list --sort "))


@pytest.mark.parametrize("command", ["sessions show", "sessions export", "sessions clear", "why"])
def test_ids_of_sessions_are_completed(daemon: ScriptedDaemon, command: str) -> None:
    found = [SESSION, SESSION | {"user_id": "boris"}]
    daemon.answers["GET /webhook/talkme/sessions?limit=50"] = (200, {"sessions": found})
    assert offered(completed(f"iteira {command} ", ITEIRA_URL=daemon.url)) == ["xI4WylKDvtas", "boris"]
    assert offered(completed(f"iteira {command} bo", ITEIRA_URL=daemon.url)) == ["boris"]


def test_the_logs_of_this_machine_are_searched_for_sessions_of_its_daemon(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /webhook/talkme/sessions?limit=50"] = (200, {"sessions": [SESSION]})
    found = completed("iteira logs --session ", ITEIRA_SERVER__PORT=str(daemon.port))
    assert offered(found) == ["xI4WylKDvtas"]


def test_ids_of_failed_messages_are_completed_by_the_daemon_that_the_line_names(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /webhook/talkme/failed?limit=50"] = (200, {"failed": [DEAD]})
    assert offered(completed(f"iteira failed retry --url {daemon.url} ")) == [DEAD["id"]]


def test_where_nobody_can_be_asked_nothing_is_offered_and_nothing_said(nobody: str, daemon: ScriptedDaemon) -> None:
    assert offered(completed("iteira sessions show ", ITEIRA_URL=nobody)) == []
    assert offered(completed("iteira sessions show ", ITEIRA_URL="no address")) == []
    assert offered(completed("iteira sessions show ", ITEIRA_URL=daemon.url)) == [], "it answers 404"
    assert offered(completed("iteira sessions show ", ITEIRA_SERVER__PORT="none")) == []


def test_a_daemon_that_hangs_does_not_hang_the_shell() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert offered(completed("iteira sessions show ", ITEIRA_URL=url)) == []
