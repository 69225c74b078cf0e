"""What is outside this machine: TalkMe, the model's provider, the time, and the way in for TalkMe's webhook."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from iteira_cli.examinations.finding import Finding, failed, ok, skipped, warning

if TYPE_CHECKING:
    import httpx

    from server.settings import Settings

TIMEOUT = 10.0
SKEW = 5.0
"""Seconds by which this machine's clock may differ from others'."""


def examine(settings: Settings, public_url: str | None, running: str | None = None) -> Iterator[Finding]:
    """`running`: the address of TalkMe that the daemon which answers really uses, where it tells."""
    import httpx

    with httpx.Client(timeout=TIMEOUT) as http:
        dates: list[str] = []
        yield from _talkme(http, settings, dates, running or settings.talkme.base_url)
        yield from _provider(http, settings, dates)
        yield _clock(dates)
        yield _way_in(http, settings, public_url)


def _ask(http: httpx.Client, method: str, url: str, **what: Any) -> httpx.Response | httpx.HTTPError:
    import httpx

    try:
        return http.request(method, url, **what)
    except httpx.HTTPError as error:
        return error


def _talkme(http: httpx.Client, settings: Settings, dates: list[str], url: str) -> Iterator[Finding]:
    """Typing is the one call that nobody hears: in a dialog that does not exist it does nothing."""
    name, tokens = "TalkMe", settings.talkme.tokens
    token = tokens[0].get_secret_value() if tokens else "no-token-configured"
    answer = _ask(http, "POST", f"{url}customBot/simulateTyping", json={"ttl": 1}, headers={"X-Token": token})
    if isinstance(answer, Exception):
        yield _unreachable(name, url, answer, "talkme.base_url (BASE_URL_TALKME)")
        return
    dates.append(answer.headers.get("date", ""))
    if answer.status_code == HTTPStatus.NOT_FOUND:
        yield failed(
            name,
            f"{url} answers, but has no customBot/simulateTyping",
            "set talkme.base_url (BASE_URL_TALKME) to the address of your cabinet's API",
        )
        return
    yield ok(name, f"{url} answers{_beside(settings, url)}")
    if not tokens:
        yield skipped("TalkMe's token", "talkme.tokens is empty: each webhook brings its own")
    elif _is_refused(answer):
        yield failed(
            "TalkMe's token", "TalkMe refuses the first of talkme.tokens", "copy it anew from TalkMe's cabinet"
        )
    else:
        yield ok("TalkMe's token", "the first of talkme.tokens is taken")


def _beside(settings: Settings, url: str) -> str:
    """What else is told where the daemon uses another than the configuration names, as under `iteira dev`."""
    if url == settings.talkme.base_url:
        return ""
    return f"; the running daemon uses it, while talkme.base_url is {settings.talkme.base_url}"


def _is_refused(answer: httpx.Response) -> bool:
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return True
    about = _error(answer).lower() if answer.is_success else ""
    return "token" in about or "токен" in about


def _error(answer: httpx.Response) -> str:
    """What an answer of TalkMe's or of our webhook says went wrong; nothing where it says that nothing did."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    return str(said.get("error")) if isinstance(said, dict) and not said.get("success") else ""


def _provider(http: httpx.Client, settings: Settings, dates: list[str]) -> Iterator[Finding]:
    agent, name = settings.agent, "model provider"
    if agent.consultant != "openai" or agent.api_key is None:
        yield skipped(name, "none is configured: the built-in offline consultant answers")
        return
    headers = {"Authorization": f"Bearer {agent.api_key.get_secret_value()}"}
    answer = _ask(http, "GET", f"{agent.base_url}models", headers=headers)
    if isinstance(answer, Exception):
        yield _unreachable(name, agent.base_url, answer, "agent.base_url (OPENAI_BASE_URL)")
        return
    dates.append(answer.headers.get("date", ""))
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        yield failed(name, f"{agent.base_url} refuses the key", "set OPENAI_API_KEY to a key that is valid there")
    elif not answer.is_success:
        yield warning(
            name, f"{agent.base_url}models answers {answer.status_code}", "check agent.base_url; some have none"
        )
    else:
        # A list need not be whole: a provider may take a name that it does not list, and knows it when asked for it.
        one = f"{agent.base_url}models/{quote(agent.model, safe='')}"
        yield _model(answer, agent.model, agent.base_url, lambda: _takes(_ask(http, "GET", one, headers=headers)))


def _takes(answer: httpx.Response | httpx.HTTPError) -> bool:
    return not isinstance(answer, Exception) and answer.is_success


def _model(answer: httpx.Response, model: str, url: str, takes_it: Callable[[], bool]) -> Finding:
    try:
        known = [each["id"] for each in answer.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return warning("model provider", f"{url}models does not list models", "check agent.base_url")
    if model not in known and not takes_it():
        some = ", ".join(known[:5])
        return failed(
            "model provider", f"{url} does not know the model {model}", f"set agent.model to one of: {some} …"
        )
    return ok("model provider", f"{url} takes the key and knows {model}")


def _unreachable(name: str, url: str, error: httpx.HTTPError, setting: str) -> Finding:
    """With the step that failed: the name, the connection, its encryption, or the answer."""
    host = urlsplit(url).hostname or ""
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return failed(name, f"{host}: no such name (DNS)", f"check {setting} and this machine's DNS")
    said = str(error) or type(error).__name__
    step = "encryption (TLS)" if "SSL" in said or "certificate" in said else "connection"
    return failed(name, f"{url}: the {step} fails: {said}", f"check {setting}, firewall and proxy")


def _clock(dates: list[str]) -> Finding:
    stamps = [parsedate_to_datetime(date) for date in dates if date]
    if not stamps:
        return skipped("clock", "nobody outside has told the time")
    skew = max(abs((datetime.now(UTC) - stamp).total_seconds()) for stamp in stamps)
    if skew > SKEW:
        return warning(
            "clock", f"this machine's clock differs by {skew:.0f} s from others'", "run a time service (NTP)"
        )
    return ok("clock", "agrees with others'")


def _way_in(http: httpx.Client, settings: Settings, public_url: str | None) -> Finding:
    if not public_url:
        return skipped("way in", "--public-url https://your.domain looks at the webhook from outside")
    url = f"{public_url.rstrip('/')}/webhook/talkme"
    secret, headers = settings.server.webhook_secret, {"Content-Type": "application/json"}
    if secret:
        headers["X-Webhook-Secret"] = secret.get_secret_value()
    answer = _ask(http, "POST", url, content=b"no JSON", headers=headers)
    if isinstance(answer, Exception):
        return _unreachable("way in", url, answer, "the proxy and its certificate")
    if answer.status_code == HTTPStatus.BAD_REQUEST and "тело запроса" in _error(answer):
        return ok("way in", f"{url} leads to a daemon of ours")
    return failed(
        "way in", f"{url} answers {answer.status_code}, no daemon of ours", "let the proxy pass /webhook/talkme on"
    )
