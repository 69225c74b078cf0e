"""`iteira sessions`: who talks to the consultant, what was said, and forgetting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Usage
from iteira_cli.options import Json, Token, Url, Yes, confirm, connect

if TYPE_CHECKING:
    from iteira_cli.documents import SessionDetail, TranscriptLine
    from iteira_cli.output import Output

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
    from iteira_cli.output import Output

    output = Output(json)
    session = connect(ctx, url, token).session(user_id)
    if json:
        output.document(session)
        return
    _facts(output, session)
    for line in session["transcript"]:
        _bubble(output, line) if output.out.is_terminal else _line(output, line)


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


def _facts(output: Output, session: SessionDetail) -> None:
    from iteira_cli.output import local_time

    rows = [
        ("User", session["user_id"]),
        ("Session", session["session_id"]),
        ("Name", session["client_name"]),
        ("Gender", session["gender"]),
        ("Phone", session["phone_number"]),
        ("Messages", str(session["messages_count"])),
        ("Since", local_time(session["created_at"])),
        ("Last activity", local_time(session["last_activity"])),
    ]
    output.table("Session", ("", ""), rows)


def _heading(line: TranscriptLine) -> str:
    from iteira_cli.output import local_time

    state = "" if line["state"] == "sent" else f" ({line['state']})"
    return f"{local_time(line['at'])} {line['role']}{state}"


def _line(output: Output, line: TranscriptLine) -> None:
    why = f" [{reason}]" if (reason := line.get("reason")) else ""
    output.line(f"{_heading(line)}: {' '.join(line['text'].split())}{why}")


def _bubble(output: Output, line: TranscriptLine) -> None:
    """As a messenger shows it: the caller stands left, the consultant right, neither takes the whole width."""
    from rich.align import Align
    from rich.constrain import Constrain
    from rich.panel import Panel
    from rich.text import Text

    from iteira_cli.output import printable

    caller = line["role"] == "caller"
    said = [printable(line["text"])]
    if reason := line.get("reason"):
        said.append(Text(printable(reason).plain, style="red"))
    bubble = Panel.fit(
        Text("\n").join(said),
        title=printable(_heading(line)),
        title_align="left" if caller else "right",
        border_style="cyan" if caller else "green",
    )
    narrow = Constrain(bubble, output.out.width * 3 // 4)
    output.out.print(Align(narrow, "left" if caller else "right"))
