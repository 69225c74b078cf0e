"""`iteira doctor`: what is wrong, from this machine to TalkMe, and what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.options import Json, Token, Url, connect, load_settings

if TYPE_CHECKING:
    from iteira_cli.examinations.finding import Finding
    from iteira_cli.output import Output

SIGNS = {"ok": ("ok", "green"), "warning": ("!", "yellow"), "failed": ("FAILED", "bold red"), "skipped": ("–", "dim")}


def doctor(
    ctx: typer.Context,
    public_url: Annotated[
        str | None, typer.Option("--public-url", metavar="URL", help="Address under which TalkMe reaches this daemon.")
    ] = None,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Examine everything that a daemon needs, in order, and name the command or setting that mends what is wrong.

    It changes nothing, but that a store that does not exist yet is made, as `iteira serve` would. Exit code 1 if
    anything does not work.

    Example: iteira doctor --public-url https://calls.example.com
    """
    from iteira_cli.output import Output

    output, found = Output(json), []
    for finding in _examined(ctx, url, token, public_url):
        found.append(finding)
        if not json:
            _show(output, finding)
    works = not any(finding.status == "failed" for finding in found)
    if json:
        output.document({"ok": works, "findings": [asdict(finding) for finding in found]})
    else:
        output.line(_summary(found))
    raise typer.Exit(0 if works else 1)


def _summary(found: Sequence[Finding]) -> str:
    count = Counter(finding.status for finding in found)
    if count["failed"]:
        return f"Of {len(found)} checks {count['failed']} failed."
    if count["warning"]:
        return f"Of {len(found)} checks none failed; {count['warning']} found something to mend."
    return "Nothing is wrong that could be seen."


def _examined(ctx: typer.Context, url: str | None, token: str | None, public_url: str | None) -> Iterator[Finding]:
    from iteira_cli.examinations import daemon, machine, outside
    from iteira_cli.examinations.finding import failed, ok
    from server.errors import SettingsError

    try:
        settings = load_settings(ctx)
    except SettingsError as error:
        yield failed("settings", "; ".join(str(error).splitlines()), "mend them; `iteira config check` reads anew")
        return
    yield ok("settings", "can be used; `iteira config show` lists them")
    admin = connect(ctx, url, token)
    answers = daemon.answers(admin)
    yield from machine.examine(settings, daemon_answers=answers)
    yield from outside.examine(settings, public_url, daemon.talkme(admin) if answers else None)
    yield from daemon.examine(admin)


def _show(output: Output, finding: Finding) -> None:
    """A line for each finding and what mends it; on a terminal what does not fit goes on below its own words."""
    from rich.table import Table
    from rich.text import Text

    from iteira_cli.output import printable

    sign, style = SIGNS[finding.status]
    lines = [(Text(f"{sign:<7}", style=style), printable(f"{finding.name}: {finding.detail}"))]
    if finding.mend:
        lines.append((Text(" " * 7), printable(f"→ {finding.mend}")))
    if not output.out.is_terminal:
        for mark, words in lines:
            output.out.print(mark, words, soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for mark, words in lines:
        grid.add_row(mark, words)
    output.out.print(grid)
