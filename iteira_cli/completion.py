"""What the shell offers behind a command: the ids that the daemon knows. Whatever goes wrong, it offers nothing:
a person who types must neither wait nor have an error written into the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient

Offers = list[tuple[str, str]]
"""Values, each with what it is."""

PATIENCE = 0.7
"""Seconds that a person waits after Tab."""
OFFERED = 50


def user_ids(ctx: typer.Context, incomplete: str) -> Offers:
    """Sessions, the latest activity first."""
    return _offers(ctx, incomplete, _users)


def failed_ids(ctx: typer.Context, incomplete: str) -> Offers:
    """Messages that were not answered, the latest first."""
    return _offers(ctx, incomplete, _failed)


def scenario_names(incomplete: str) -> list[str]:
    """Written calls of the folder `scenarios`."""
    from iteira_cli.scenarios import FOLDER, names

    return sorted(name for file in FOLDER.glob("*.toml") for name in names(file)[1:] if name.startswith(incomplete))


def _offers(ctx: typer.Context, incomplete: str, ask: Callable[[AdminClient], Iterator[tuple[str, str]]]) -> Offers:
    try:
        with redirect_stderr(StringIO()):
            return [offer for offer in ask(_client(ctx)) if offer[0].startswith(incomplete)]
    except Exception:
        return []


def _client(ctx: typer.Context) -> AdminClient:
    """As the command itself would ask, with what of its options stands in the line already."""
    from iteira_cli.options import Invocation, connect

    given: dict[str, Any] = ctx.find_root().params
    ctx.ensure_object(Invocation).config = given.get("config")
    return connect(ctx, ctx.params.get("url"), ctx.params.get("token")).with_timeout(PATIENCE)


def _users(client: AdminClient) -> Iterator[tuple[str, str]]:
    for session in client.sessions(limit=OFFERED)["sessions"]:
        yield session["user_id"], session["client_name"] or f"{session['messages_count']} messages"


def _failed(client: AdminClient) -> Iterator[tuple[str, str]]:
    for message in client.failed(OFFERED)["failed"]:
        yield message["id"], message["reason"] or message["state"]
