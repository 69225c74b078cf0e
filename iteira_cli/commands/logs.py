"""`iteira logs`: the daemon's log files, readable; no daemon is needed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.completion import user_ids
from iteira_cli.errors import Failed, Usage
from iteira_cli.options import load_settings, moment

if TYPE_CHECKING:
    from iteira_cli.log_lines import Line, Wanted
    from iteira_cli.output import Output

STYLES = {"DEBUG": "dim", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


class Level(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Which(StrEnum):
    BOTH = "both"
    INTEGRATION = "integration"
    API = "api"


def logs(
    ctx: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, metavar="COUNT", help="At most so many lines.")] = 50,
    since: Annotated[
        str | None, typer.Option("--since", metavar="AGO", help="Only what was written since then: 10m, 2h, 1d.")
    ] = None,
    level: Annotated[Level, typer.Option("--level", case_sensitive=False, help="Only this level and above.")] = (
        Level.DEBUG
    ),
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="USER_ID", help="Only what is about this session.", autocompletion=user_ids),
    ] = None,
    grep: Annotated[
        str | None, typer.Option("--grep", metavar="REGEX", help="Only messages that this is found in.")
    ] = None,
    file: Annotated[Which, typer.Option("--file", help="One of the two files.")] = Which.BOTH,
    json: Annotated[bool, typer.Option("--json", help="The lines as they are, one JSON object each.")] = False,
) -> None:
    """Show what the daemon has logged: talkme_integration.log (messages and turns) and api.log (HTTP requests).

    The files are those of logging.dir on this machine; they are read whether a daemon runs or not.

    Example: iteira logs -f --level warning
    """
    from iteira_cli import log_lines
    from iteira_cli.output import Output

    output = Output(json)
    folder = load_settings(ctx).logging.dir
    files = list(log_lines.FILES) if file is Which.BOTH else [file.value]
    if not follow and not any((folder / log_lines.FILES[each]).exists() for each in files):
        raise Failed(f"no log in {folder}", "the daemon writes it when it runs; logging.dir says where")
    wanted = _wanted(level, since, session, grep)
    opened = [log_lines.LogFile(folder, each) for each in files]
    for line in log_lines.latest(opened, wanted, lines):
        _show(output, line)
    if follow:
        for line in log_lines.follow(opened, wanted):
            _show(output, line)


def _wanted(level: Level, since: str | None, session: str | None, grep: str | None) -> Wanted:
    from iteira_cli.log_lines import Wanted
    from server.observability.about import masked_id

    try:
        pattern = re.compile(grep, re.IGNORECASE) if grep else None
    except re.error as error:
        raise Usage(f"--grep {grep}: not a regular expression: {error}") from None
    return Wanted(
        level=level.value,
        since=moment(since, datetime.now(UTC)) if since else None,
        session=masked_id(session) if session else None,
        grep=pattern,
    )


def _show(output: Output, line: Line) -> None:
    import sys

    if output.json:
        sys.stdout.write(line.raw + "\n")
        sys.stdout.flush()
        return
    from rich.text import Text

    from iteira_cli.output import printable

    says = line.fields
    at = f"{datetime.fromisoformat(line.at).astimezone():%Y-%m-%d %H:%M:%S}" if line.at else "-" * 19
    level = str(says.get("level", ""))
    about = " ".join(f"{name} {says[name]}" for name in ("session", "turn") if name in says)
    text = Text.assemble(
        (f"{at} ", "dim"),
        (f"{level:<8} ", STYLES.get(level, "")),
        (f"{line.file:<12} ", "cyan"),
        printable(str(says.get("message", ""))),
        (f"  {printable(about)}" if about else "", "dim"),
    )
    whole = not output.out.is_terminal  # a terminal would break it anywhere, rich does between words
    output.out.print(text, soft_wrap=whole)
    if "error" in says:
        output.out.print(printable(str(says["error"])), style="dim", soft_wrap=whole)
