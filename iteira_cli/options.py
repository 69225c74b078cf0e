"""Options that several commands share, declared once, and what the commands make of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Failed, Usage

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient
    from server.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="ITEIRA_URL",
        metavar="URL",
        help="Where the daemon answers.",
        show_default="http://server.host:server.port of the configuration",
    ),
]

Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="Token of the administration.",
        show_default="admin.token of the configuration",
    ),
]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


@dataclass
class Invocation:
    """The global options of this call of `iteira`; every command finds it as `ctx.obj`."""

    config: Path | None = None
    debug: bool = False


def load_settings(ctx: typer.Context, flags: Mapping[str, object] | None = None) -> Settings:
    """The configuration as the daemon would read it. Raises `server.errors.SettingsError`."""
    from server.settings import load

    return load(ctx.ensure_object(Invocation).config, flags or {})


def connect(ctx: typer.Context, url: str | None, token: str | None) -> AdminClient:
    """The daemon that `--url` and `--token` name; what they leave open comes from the configuration.

    Raises `Usage` for an unusable address, `server.errors.SettingsError` for an unusable configuration.
    """
    from iteira_cli.admin_client import AdminClient

    if url is None or token is None:
        settings = load_settings(ctx)
        url = url or address(settings.server.host, settings.server.port)
        if token is None and settings.admin.token is not None:
            token = settings.admin.token.get_secret_value()
    return AdminClient(url, token)


def confirm(question: str, yes: bool) -> None:
    """Return if the operator agrees. Asks on a terminal; elsewhere only `--yes` is an agreement.

    Raises `Usage` where nobody can be asked, `Failed` when the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Usage("this cannot be undone and there is no terminal to ask on", "add --yes to do it")
    if not typer.confirm(question, err=True):
        raise Failed("nothing was changed")


def daemon_url(ctx: typer.Context, url: str | None) -> str:
    """Where the daemon answers: `--url`, else as configured. Raises `server.errors.SettingsError`."""
    if url is not None:
        return url
    server = load_settings(ctx).server
    return address(server.host, server.port)


def address(host: str, port: int) -> str:
    """Where a program that listens on `host` can be reached from this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
