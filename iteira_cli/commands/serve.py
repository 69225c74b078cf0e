"""`iteira serve`: the daemon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from iteira_cli.errors import Failed, Usage
from iteira_cli.loopback import is_loopback
from iteira_cli.options import Invocation, address, load_settings

if TYPE_CHECKING:
    import socket

    from iteira_cli.output import Output
    from server.knowledge.base import KnowledgeStatus
    from server.settings import Settings

SECONDS_A_DOCUMENT = 60
"""How long the service manager waits for the next sign of progress while an index is built."""


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="server.host")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="server.port")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", show_default="server.workers")] = None,
    role: Annotated[
        Literal["all", "intake", "worker"] | None,
        typer.Option(help="Take webhooks (intake), answer them (worker), or both.", show_default="server.role"),
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="The store.", show_default="store.url")] = None,
    knowledge: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the knowledge base.", show_default="knowledge.path")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on an address of the network even without admin.token.")
    ] = False,
) -> None:
    """Run the daemon: it takes TalkMe's webhooks and answers the callers. Stop it with Ctrl-C or SIGTERM.

    Example: iteira serve --port 8001 --workers 2
    """
    from server.garbage import hold_back

    hold_back()
    from iteira_cli import in_force
    from iteira_cli.output import Output
    from server import serving
    from server.errors import IteiraError, SettingsError
    from server.settings_sources import files_read
    from server.systemd import ServiceManager

    settings = load_settings(
        ctx,
        {
            "server.host": host,
            "server.port": port,
            "server.workers": workers,
            "server.role": role,
            "store.url": store,
            "knowledge.path": knowledge,
            "server.insecure": insecure or None,
        },
    )
    if in_force.has_no_guard(settings) and not settings.server.insecure:
        host = settings.server.host
        raise Usage(f"the daemon would listen on {host}, and admin.token is not set", in_force.HOW_TO_GUARD)
    output, manager = Output(), ServiceManager(os.environ.get("NOTIFY_SOCKET"))

    def progress(done: int, total: int) -> None:
        manager.still_starting(SECONDS_A_DOCUMENT, f"reading the knowledge base: {done} of {total}")
        _progress(output, done, total)

    try:
        sock = _socket(settings)
        status = serving.prepare(settings, progress)
        _banner(output, settings, status, files_read(ctx.ensure_object(Invocation).config))
        serving.run(settings, sock, manager)
    except SettingsError as error:
        raise Failed(str(error)) from None
    except IteiraError as error:
        raise Failed(str(error), "nothing was started") from None


def _socket(settings: Settings) -> socket.socket:
    """The service manager's, where it passes one, or one of our own. Raises `SettingsError`."""
    from server import serving
    from server.systemd import passed_socket

    host, port = settings.server.host, settings.server.port
    passed = passed_socket(os.environ, os.getpid())
    return serving.listen(host, port) if passed is None else serving.inherited(passed, host, port)


def _progress(output: Output, done: int, total: int) -> None:
    """One line that grows on a terminal; elsewhere only its beginning and its end."""
    if output.err.is_terminal:
        output.err.print(f"Reading the knowledge base: {done} of {total}", end="\n" if done == total else "\r")
    elif done in (0, total):
        output.note(f"Reading the knowledge base: {done} of {total}")


def _banner(output: Output, settings: Settings, status: KnowledgeStatus, files: list[str]) -> None:
    from iteira_cli import in_force
    from server.settings_shown import masked

    server, tokens = settings.server, len(settings.talkme.tokens)
    lines = {
        "Read": in_force.read_from(files),
        "Role": "" if server.role == "all" else server.role,
        "Listening on": "" if is_loopback(server.host) else in_force.listens_on(settings),
        "Webhook": f"{address(server.host, server.port)}/webhook/talkme",
        "Its secret": "asked for (server.webhook_secret)" if server.webhook_secret else "",
        "Taken from": ", ".join(server.allow_from),
        "TalkMe": settings.talkme.base_url,
        "Consultant": in_force.configured_consultant(settings),
        "Knowledge": f"{status.documents_count} documents of {status.files_count} files, embedder {status.embedder}",
        "Store": f"{masked(settings.store.url)}, {server.workers} worker{'s' if server.workers > 1 else ''}",
        "Administration": "with a token"
        if in_force.asks_for_a_token(settings)
        else "from this machine only (no admin.token)",
        "Tokens": f"{tokens} allowed" if tokens else "any (talkme.tokens is empty)",
    }
    for name, value in lines.items():
        if value:
            output.note(f"{name:<15}{value}")
    for warning in (*in_force.warnings(settings), *status.problems):
        output.warning(warning)
