"""What the settings make of the daemon, in the operator's words and without a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from iteira_cli.loopback import is_loopback

if TYPE_CHECKING:
    from server.settings import Company, Settings


def consultant(name: str, model: str | None = None) -> str:
    """Who answers. `offline` alone reads as if nobody did."""
    if name == "offline":
        return "offline (built-in, no AI model)"
    return f"{name} (model {model})" if model else name


def configured_consultant(settings: Settings) -> str:
    return consultant(settings.agent.consultant, settings.agent.model)


def listens_on(settings: Settings) -> str:
    host, port = settings.server.host, settings.server.port
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{where}, every address of this machine" if host in {"0.0.0.0", "::"} else where  # noqa: S104


def read_from(files: Sequence[str]) -> str:
    """Which files the settings come from, as `server.settings_sources.files_read` finds them."""
    return ", ".join(files) or "no file (defaults, environment and flags alone)"


def has_no_guard(settings: Settings) -> bool:
    """Whether it would listen on the network, and nobody would have to prove that he may administrate."""
    return not (is_loopback(settings.server.host) or asks_for_a_token(settings))


def asks_for_a_token(settings: Settings) -> bool:
    """Whether the administration does, wherever one sits."""
    return bool(settings.admin.token or settings.admin.other_tokens)


HOW_TO_GUARD = "set admin.token (ITEIRA_ADMIN__TOKEN), listen on 127.0.0.1 behind a proxy, or say --insecure"


def warnings(settings: Settings) -> list[str]:
    """What the daemon would do as told, though hardly anybody means it."""
    told, host = [], settings.server.host
    if has_no_guard(settings) and settings.server.insecure:
        told.append(f"the daemon listens on {host} without admin.token, as it was told (server.insecure)")
    elif has_no_guard(settings):
        told.append(f"`iteira serve` refuses to listen on {host} without admin.token: {HOW_TO_GUARD}")
    if not (is_loopback(host) or settings.talkme.tokens):
        told.append(
            f"the daemon listens on {host} and answers any token: whoever reaches it is served. "
            "Set talkme.tokens (TALKME_TOKENS), or listen on 127.0.0.1 behind a proxy"
        )
    told += _of_another_company(settings.company)
    return told


def _of_another_company(company: Company) -> list[str]:
    """What is left of the company that the defaults are made for, where this is another one."""
    usual = type(company)()
    left = [name for name in ("greeting", "about") if getattr(company, name) == getattr(usual, name)]
    if company.name == usual.name or not left:
        return []
    which = " and ".join(f"company.{name}" for name in left)
    speaks, it = ("speaks", "it") if len(left) == 1 else ("speak", "them")
    return [f"company.name = {company.name!r}, but {which} still {speaks} of «{usual.name}»: set {it} too"]
