"""Options that several commands share, declared once, and what the commands make of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Usage

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

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]

Since = Annotated[
    str | None, typer.Option("--since", metavar="AGO", help="Only what was given up since then: 10m, 2h, 1d.")
]

IN_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


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
        host, port, configured = _whereabouts(ctx)
        url, token = url or address(host, port), configured if token is None else token
    return AdminClient(url, token)


def _whereabouts(ctx: typer.Context) -> tuple[str, int, str | None]:
    """Of the configured daemon. What is wrong with the rest of the configuration is not for who asks a running one."""
    from server.settings_daemon import whereabouts

    if found := whereabouts(ctx.ensure_object(Invocation).config):
        return found
    settings = load_settings(ctx)
    token = settings.admin.token.get_secret_value() if settings.admin.token else None
    return settings.server.host, settings.server.port, token


def confirm(question: str, yes: bool) -> None:
    """Return if the operator agrees. Asks on a terminal; elsewhere only `--yes` is an agreement.

    Raises `Usage` where nobody can be asked; ends the command with exit code 1 when the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Usage(f"{question} There is no terminal to answer on", "add --yes to do it")
    if not typer.confirm(question, err=True):
        from iteira_cli.output import Output

        Output().note("Nothing was changed.")
        raise typer.Exit(1)


def seconds(text: str | float) -> float:
    """`60s`, `5m`, `1.5h`, `500ms` or plain seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", str(text).strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is no length of time; expected one like 60s, 5m or 500ms")
    return float(match.group(1)) * IN_SECONDS[match.group(2)]


def moment(ago: str, now: datetime) -> str:
    """So long before `now`, as ISO 8601. Raises `Usage` unless `ago` is a number with its unit, such as 10m."""
    given = re.fullmatch(r"(\d{1,5})([smhd])", ago.strip())
    if not given:
        raise Usage(f"--since {ago}: a time such as 30s, 10m, 2h or 1d is expected")
    return (now - timedelta(**{UNITS[given[2]]: int(given[1])})).isoformat()


def allowed_token(ctx: typer.Context) -> str | None:
    """A token of TalkMe's that the daemon lets in; None where it lets in every one.

    Raises `server.errors.SettingsError`.
    """
    tokens = load_settings(ctx).talkme.tokens
    return tokens[0].get_secret_value() if tokens else None


def webhook_headers(ctx: typer.Context) -> dict[str, str]:
    """What a webhook to the daemon carries beside its body: the secret, if there is one (`server.webhook_secret`).

    Raises `server.errors.SettingsError`.
    """
    secret = load_settings(ctx).server.webhook_secret
    return {"X-Webhook-Secret": secret.get_secret_value()} if secret else {}


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
