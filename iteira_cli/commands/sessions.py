"""`iteira sessions`: who talks to the consultant, what was said, and forgetting it."""

from __future__ import annotations

from typing import Annotated

import typer

from iteira_cli.errors import Usage
from iteira_cli.options import Json, Token, Url, Yes, confirm, connect

app = typer.Typer(no_args_is_help=True)


@app.callback()
def sessions() -> None:
    """List, read and clear the conversations with callers.

    Example: iteira sessions list
    """


@app.command("list")
def list_(ctx: typer.Context, url: Url = None, token: Token = None, json: Json = False) -> None:
    """List all sessions.

    Example: iteira sessions list --json
    """
    from iteira_cli.output import Output, local_time

    output = Output(json)
    document = connect(ctx, url, token).sessions()
    if json:
        output.document(document)
        return
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
    user_id: Annotated[str, typer.Argument(metavar="USER_ID", help="As `iteira sessions list` shows it.")],
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
def clear(
    ctx: typer.Context,
    user_id: Annotated[str | None, typer.Argument(metavar="USER_ID", help="The session to forget.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget all sessions.")] = False,
    yes: Yes = False,
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
    confirm("Clear all sessions?" if user_id is None else f"Clear the session of {user_id}?", yes)
    document = client.clear_sessions() if user_id is None else client.clear_session(user_id)
    output = Output(json)
    if json:
        output.document(document)
    else:
        output.line(document["message"])
