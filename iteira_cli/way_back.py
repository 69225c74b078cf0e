"""Whether the daemon's replies come to the mock at all: it may be configured for another TalkMe."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from iteira_cli.errors import CliError
from iteira_cli.loopback import is_loopback

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient


def elsewhere(admin: AdminClient, mock: str) -> str | None:
    """The address of the TalkMe through which the daemon answers, if that is not the mock. Raises `CliError`."""
    talkme = admin.stats().get("talkme")
    return talkme if talkme and _place(talkme) != _place(mock) else None


def known_elsewhere(admin: AdminClient, mock: str) -> str | None:
    """Likewise; None also where the administration does not tell."""
    try:
        return elsewhere(admin, mock)
    except CliError:
        return None


def said(admin: AdminClient, talkme: str, mock: str) -> tuple[str, str]:
    """What that means, and what to do about it."""
    return (
        f"the daemon at {admin.url} answers through {talkme}, not through the mock at {mock}",
        f"start it with BASE_URL_TALKME={mock}/, or name its mock with --mock",
    )


def _place(url: str) -> tuple[str, int | None]:
    """Host and port, with one name for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return ("localhost" if is_loopback(host) else host), parts.port or {"http": 80, "https": 443}.get(parts.scheme)
