"""`iteira sessions`: who talks to the consultant, what was said, and forgetting it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli import own_file
from iteira_cli.completion import user_ids
from iteira_cli.errors import Usage
from iteira_cli.options import DryRun, Json, Token, Url, Yes, confirm, connect, moment

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient
    from iteira_cli.documents import Sessions
    from iteira_cli.output import Output

app = typer.Typer(no_args_is_help=True)

DEFAULT_LIMIT = 100

UserId = Annotated[
    str, typer.Argument(metavar="USER_ID", help="As `iteira sessions list` shows it.", autocompletion=user_ids)
]


@app.callback()
def sessions() -> None:
    """List, read, export and clear the conversations with callers.

    Example: iteira sessions list
    """


class Sort(StrEnum):
    """What stands first."""

    activity = "activity"
    created = "created"
    messages = "messages"
    name = "name"


@app.command("list")
def list_(
    ctx: typer.Context,
    active: Annotated[bool, typer.Option("--active", help="Only those that go on.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those in which a message waits.")] = False,
    phone: Annotated[str | None, typer.Option("--phone", metavar="DIGITS", help="Part of the number.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Part of the name.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="AGO", help="Something was said since then: 10m, 2h, 1d.")
    ] = None,
    sort: Annotated[Sort, typer.Option("--sort", help="What stands first.")] = Sort.activity,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="So many at most.")] = DEFAULT_LIMIT,
    page: Annotated[int, typer.Option("--page", min=1, help="The next so many, and so on.")] = 1,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """List sessions, the latest activity first; all options narrow it down together.

    Example: iteira sessions list --waiting --since 10m
    """
    from iteira_cli.output import Output

    output = Output(json)
    wanted = {
        "active": "true" if active else None,
        "waiting": "true" if waiting else None,
        "phone": phone,
        "name": name,
        "since": since and moment(since, datetime.now(UTC)),
        "sort": sort.value if sort is not Sort.activity else None,
        "limit": limit if limit != DEFAULT_LIMIT else None,
        "page": page if page > 1 else None,
    }
    document = connect(ctx, url, token).sessions(**wanted)
    if json:
        output.document(document)
        return
    _table(output, document)
    if document.get("more"):
        output.line(f"there are more: `--page {page + 1}`")


def _table(output: Output, document: Sessions) -> None:
    from iteira_cli.output import local_time

    rows = [
        (
            session["user_id"],
            session["client_name"],
            session["phone_number"],
            session["messages_count"],
            local_time(session["created_at"]),
            local_time(session["last_activity"]),
        )
        for session in document["sessions"]
    ]
    columns = ("User", "Name", "Phone", "Messages", "Since", "Last activity")
    output.table("Sessions" if rows else "Sessions: none", columns, rows)


@app.command()
def show(
    ctx: typer.Context,
    user_id: UserId,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Show one session and everything that was said in it.

    Example: iteira sessions show xI4WylKDvtas
    """
    from iteira_cli import conversation
    from iteira_cli.output import Output

    output = Output(json)
    session = connect(ctx, url, token).session(user_id)
    if json:
        output.document(session)
        return
    conversation.show(output, session)


@app.command()
def export(
    ctx: typer.Context,
    user_id: UserId,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="With names, numbers and addresses.")] = False,
    file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Write it there; -: print it.", show_default="-")
    ] = own_file.STDOUT,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace a file that is there without asking.")] = False,
    url: Url = None,
    token: Token = None,
    json: Annotated[bool, typer.Option("--json", help="As one JSON document, in place of Markdown.")] = False,
) -> None:
    """Export one session as Markdown, or as JSON, to be passed on: who called is hidden, in the texts too.

    Example: iteira sessions export xI4WylKDvtas --output call.md
    """
    from iteira_cli import conversation
    from iteira_cli.output import Output, as_document

    if file != own_file.STDOUT:
        own_file.agree(file, yes)
    session = connect(ctx, url, token).session(user_id, masked=not unmasked)
    text = as_document(session) if json else conversation.markdown(session) + "\n"
    if file == own_file.STDOUT:
        Output().paragraphs(text)
    else:
        own_file.write(file, text)
        Output().note(f"written: {file}")


@app.command()
def clear(
    ctx: typer.Context,
    user_id: Annotated[
        str | None, typer.Argument(metavar="USER_ID", help="The session to forget.", autocompletion=user_ids)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget all sessions.")] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Forget one session, or all: transcript, name, phone and what waits for an answer.

    Example: iteira sessions clear xI4WylKDvtas --yes
    """
    from iteira_cli.output import Output

    if (user_id is None) != everything:
        raise Usage("name either one USER_ID or --all", "`iteira sessions list` shows whom there is")
    client = connect(ctx, url, token)
    if dry_run:
        _would_clear(Output(json), client, user_id)
        return
    confirm("Clear all sessions?" if user_id is None else f"Clear the session of {user_id}?", yes)
    document = client.clear_sessions() if user_id is None else client.clear_session(user_id)
    output = Output(json)
    if json:
        output.document(document)
    else:
        output.line(document["message"])


def _would_clear(output: Output, client: AdminClient, user_id: str | None) -> None:
    """Say what clearing would remove. Raises `NotFound` for a session that does not exist."""
    if user_id is None:
        sessions = client.stats()["total_sessions"]
    else:
        client.session(user_id)
        sessions = 1
    if output.json:
        output.document({"would_clear_sessions": sessions})
    else:
        output.line(f"sessions that would be cleared: {sessions}")
