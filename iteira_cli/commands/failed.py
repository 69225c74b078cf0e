"""`iteira failed`: what was not answered, why, and answering it after all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.completion import failed_ids
from iteira_cli.errors import Usage
from iteira_cli.options import DryRun, Json, Since, Token, Url, Yes, confirm, connect, moment

if TYPE_CHECKING:
    from iteira_cli.documents import DeadMessage
    from iteira_cli.output import Output

MOST = 1000
"""Messages that one list can hold."""

app = typer.Typer(no_args_is_help=True)

MessageId = Annotated[
    str, typer.Argument(metavar="ID", help="As `iteira failed list` shows it.", autocompletion=failed_ids)
]


@app.callback()
def failed() -> None:
    """Look at messages that were not answered, let them be answered after all, or drop them.

    Example: iteira failed list
    """


@app.command("list")
def list_(
    ctx: typer.Context,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, metavar="COUNT", help="At most so many, the latest.")] = 100,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """List what could not be delivered (failed) or was too old to be answered (expired), latest first.

    Example: iteira failed list --since 2h
    """
    from iteira_cli.output import Output

    output = Output(json)
    document = connect(ctx, url, token).failed(limit, _moment(since))
    if json:
        output.document(document)
    else:
        _table(output, document["failed"])


@app.command()
def show(ctx: typer.Context, message_id: MessageId, url: Url = None, token: Token = None, json: Json = False) -> None:
    """Show one message whole: what was said, the reply if there was one, and why it did not arrive.

    Example: iteira failed show 0f8c2e
    """
    from iteira_cli.output import Output

    output = Output(json)
    message = connect(ctx, url, token).failed_message(message_id)
    if json:
        output.document(message)
    else:
        _facts(output, message)


@app.command()
def retry(
    ctx: typer.Context,
    message_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The message to try again.", autocompletion=failed_ids)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Try all of them again.")] = False,
    since: Since = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Let one message, or all, or those of the last minutes, be worked on again, as if they had just come in.

    A reply that is stored is sent as it is. Callers hear it even if they have hung up long ago: look first.

    Example: iteira failed retry --since 10m --dry-run
    """
    from iteira_cli.output import Output

    if sum((message_id is not None, everything, since is not None)) != 1:
        raise Usage("name one ID, or --all, or --since", "`iteira failed list` shows what there is")
    output, after = Output(json), _moment(since)
    client = connect(ctx, url, token)
    if dry_run:
        found = [client.failed_message(message_id)] if message_id else client.failed(MOST, after)["failed"]
        _would(output, "be tried again", found)
        return
    if message_id is None:
        confirm(f"Try {f'all since {since} ago' if since else 'all'} again? Their callers will hear the replies.", yes)
    document = client.retry_all(after) if message_id is None else client.retry(message_id)
    if json:
        output.document(document)
    else:
        output.line(document["message"])


@app.command()
def drop(
    ctx: typer.Context,
    message_id: MessageId,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Remove a message that was not answered, for good.

    Example: iteira failed drop 0f8c2e --yes
    """
    from iteira_cli.output import Output

    output, client = Output(), connect(ctx, url, token)
    if dry_run:
        _would(output, "be dropped", [client.failed_message(message_id)])
        return
    confirm(f"Drop message {message_id} for good?", yes)
    output.line(client.drop(message_id)["message"])


def _moment(since: str | None) -> str | None:
    return None if since is None else moment(since, datetime.now(UTC))


def _would(output: Output, what: str, messages: list[DeadMessage]) -> None:
    if output.json:
        output.document({"dry_run": True, "failed": messages})
        return
    _table(output, messages)
    count = f"{len(messages)} or more" if len(messages) == MOST else len(messages)
    output.line(f"Would {what}: {count}. Nothing was changed.")


def _table(output: Output, messages: list[DeadMessage]) -> None:
    from iteira_cli.output import local_time

    columns = ("ID", "State", "Given up", "Caller", "Said", "Why")
    rows = [
        (
            message["id"],
            message["state"],
            local_time(message["updated_at"]),
            message["user_id"],
            message["text"],
            message["reason"],
        )
        for message in messages
    ]
    output.table("Not answered" if rows else "Not answered: none", columns, rows)


def _facts(output: Output, message: DeadMessage) -> None:
    from iteira_cli.output import local_time

    rows = [
        ("ID", message["id"]),
        ("State", message["state"]),
        ("Why", message["reason"]),
        ("Attempts", str(message["attempts"])),
        ("Caller", message["user_id"]),
        ("Session", message["session_id"]),
        ("Accepted", local_time(message["accepted_at"])),
        ("Given up", local_time(message["updated_at"])),
        ("Said", message["text"]),
        ("Reply", message["reply"]),
    ]
    output.table("Message", ("", ""), rows)
