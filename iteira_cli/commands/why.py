"""`iteira why`: what happened to one message, step by step, and who is to blame."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.completion import user_ids
from iteira_cli.errors import CliError, NotFound
from iteira_cli.options import Json, Token, Url, connect

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient
    from iteira_cli.documents import Happened, Message
    from iteira_cli.output import Output

LOOKED_AT = 1000
"""Waiting messages, the longest first, among which the one before is looked for."""


def why(
    ctx: typer.Context,
    which: Annotated[
        str,
        typer.Argument(
            metavar="SESSION|MESSAGE",
            help="A user id, for its latest message, or the id of a message.",
            autocompletion=user_ids,
        ),
    ],
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Tell the story of one message: what it waited for, who worked on it, what took the time, what failed.

    Ends in one sentence that names what is to blame: queue, another message, knowledge, model, TalkMe, store, our code.

    Example: iteira why xI4WylKDvtas
    """
    from iteira_cli import blame
    from iteira_cli.output import Output

    output, client = Output(json), connect(ctx, url, token)
    message = _message(client, which)
    behind = _before(client, message) if message["state"] == "accepted" else None
    seconds, verdict = blame.spent(message["timeline"]), blame.sentence(message, time.time(), behind)
    if json:
        output.document({**message, "spent": seconds, "verdict": verdict})
        return
    _show(output, message)
    if seconds:
        from iteira_cli.output import duration

        output.table(
            "Where the time went", ("Stage", "Time"), [(name, duration(spent)) for name, spent in seconds.items()]
        )
    output.line(verdict)


def _message(client: AdminClient, which: str) -> Message:
    """The message of this id, else the latest one of the session of this user. Raises `NotFound`."""
    try:
        return client.message(which)
    except NotFound:
        pass
    try:
        transcript = client.session(which)["transcript"]
    except NotFound:
        raise NotFound(
            f"there is neither a message nor a session {which}", "`iteira sessions list` shows the user ids"
        ) from None
    latest = next((line["message_id"] for line in reversed(transcript)), None)
    if latest is None:
        raise NotFound(f"nothing has been said in the session {which}")
    return client.message(latest)


def _before(client: AdminClient, message: Message) -> str | None:
    """The message of the same session that is to be answered first, where the daemon tells."""
    try:
        waiting = client.waiting(LOOKED_AT)["waiting"]
    except CliError:
        return None
    first = next((one["id"] for one in waiting if one["user_id"] == message["user_id"]), None)
    return None if first == message["id"] else first


def _show(output: Output, message: Message) -> None:
    from iteira_cli.blame import moment
    from iteira_cli.output import duration, local_time

    timeline = message["timeline"]
    rows = [
        (duration(moment(happened) - moment(timeline[0])), happened["event"], _details(happened))
        for happened in timeline
    ]
    said = f"Message {message['id']} of {message['user_id']}, {local_time(message['accepted_at'])}: {message['state']}"
    output.table(said, ("After", "What", "Details"), rows)


def _details(happened: Happened) -> str:
    from iteira_cli.output import duration

    said = []
    for name, value in happened["details"].items():
        if name == "seconds":
            said.append(duration(float(value or 0)))
        else:
            said.append(f"{name} {f'{value:g}' if isinstance(value, float) else value}")
    return ", ".join(said)
