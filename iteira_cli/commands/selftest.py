"""`iteira selftest`: does a running daemon do what it promises, from the webhook to the statistics."""

from __future__ import annotations

import json as jsonlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from iteira_cli.errors import AccessDenied, CliError, Failed, NotFound
from iteira_cli.loopback import is_loopback
from iteira_cli.options import Json, Token, Url, Yes, allowed_token, confirm, connect, load_settings, webhook_headers

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient, Answer
    from iteira_cli.output import Output

WEBHOOK_TIMEOUT = 60.0
"""Seconds; longer than a webhook's answer waits for its reply (`server.reply_wait`, 25 s unless configured)."""

PATIENCE = 30.0
"""Seconds for the statistics to show what was answered; a turn takes no longer (`server.message_timeout`)."""

CALLERS = 10
MESSAGES = CALLERS + 3
LONG = "Сколько стоит женская стрижка с укладкой? " * 100
"""4200 characters; the daemon answers the first 4000 of them."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check and what was seen."""

    name: str
    ok: bool
    seconds: float
    detail: str


def selftest(
    ctx: typer.Context,
    url: Url = None,
    token: Token = None,
    webhook_token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="TalkMe token to call the webhook with.",
            show_default="the first of talkme.tokens, else a made-up one",
        ),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Check a running daemon from outside: calls of invented callers, wrong calls, statistics.

    The replies go to the TalkMe that the daemon is configured for: this is meant for `iteira dev`, or for a daemon
    whose talkme.base_url is the mock, and asks before it sends to any other. The sessions it makes are cleared at
    the end.

    Example: iteira selftest --url http://127.0.0.1:8000
    """
    from iteira_cli.output import Output

    output, admin = Output(json), connect(ctx, url, token)
    _agree_to_real_replies(ctx, admin, yes)
    test = Selftest(
        admin, webhook_token or allowed_token(ctx) or f"selftest-{secrets.token_hex(8)}", webhook_headers(ctx)
    )
    try:
        checks = _watched(output, test.run())
    finally:
        test.clear(output)
    _show(output, checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


class Selftest:
    """Seven checks of one daemon, with callers of its own. `patience` is seconds, see `PATIENCE`."""

    def __init__(
        self,
        admin: AdminClient,
        webhook_token: str,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._admin = admin
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._token = webhook_token
        self._patience = patience
        self._run = f"selftest-{secrets.token_hex(4)}"
        self._users: list[str] = []
        self._accepted: list[str] = []
        self._before: int | Failed = 0

    def run(self) -> Iterator[Check]:
        """Do the checks, in order. Raises `DaemonUnreachable` if the daemon is down from the start."""
        try:
            self._before = self._admin.stats()["messages_processed"]
        except Failed as error:
            self._before = error
        yield self._check("health", self._health)
        caller = self._caller()
        yield self._check("first message greeted", lambda: self._greeted(caller))
        yield self._check("conversation continued", lambda: self._continued(caller))
        yield self._check("invalid data refused", self._refused)
        yield self._check("parallel requests", self._parallel)
        yield self._check("long message", lambda: self._say(self._caller(), LONG))
        yield self._check("statistics", self._statistics)

    def clear(self, output: Output) -> None:
        """Forget the sessions of our callers; say so if the daemon does not let us."""
        try:
            for user in self._users:
                with suppress(NotFound):
                    self._admin.clear_session(user)
        except CliError as error:
            output.note(f"the sessions {self._run}-… are still there: {error}")

    def _check(self, name: str, see: Callable[[], str]) -> Check:
        began = time.monotonic()
        try:
            ok, detail = True, see()
        except CliError as error:
            ok, detail = False, f"{error}; {error.hint}" if error.hint else str(error)
        return Check(name, ok, round(time.monotonic() - began, 3), detail)

    def _health(self) -> str:
        health = self._admin.health()
        unwell = [f"{name}: {it['detail']}" for name, it in health["checks"].items() if it["status"] != "ok"]
        seen = "; ".join([health["status"], *unwell])
        if health["status"] == "unavailable":
            raise Failed(seen)
        return seen

    def _greeted(self, caller: str) -> str:
        self._say(caller, "Здравствуйте!")
        try:
            said = [line["text"] for line in self._admin.session(caller)["transcript"] if line["role"] == "consultant"]
        except AccessDenied as error:
            return f"answered; what was said is not seen: {error}"
        return f"«{shorten(said[0], 100, placeholder='…')}»" if said else "accepted, the reply follows"

    def _continued(self, caller: str) -> str:
        self._say(caller, "Какой у вас адрес?")
        try:
            count = self._admin.session(caller)["messages_count"]
        except AccessDenied as error:
            return f"answered; messages_count is not seen: {error}"
        if count != 2:
            raise Failed(f"messages_count is {count} after 2 messages")
        return "messages_count is 2"

    def _refused(self) -> str:
        wrong = _wrong_bodies(self._token, self._caller())
        for what, (body, word) in wrong.items():
            answer = self._post(body)
            if answer.status != 400 or word not in answer.error.lower():
                raise Failed(f"{what}: expected 400 and an error that names {word!r}, got {_seen(answer)}")
        return f"400 for {', '.join(wrong)}"

    def _parallel(self) -> str:
        callers = [self._caller() for _ in range(CALLERS)]
        with ThreadPoolExecutor(CALLERS) as pool:
            calls = [pool.submit(self._say, caller, "Сколько стоит маникюр?") for caller in callers]
        errors = [str(error) for call in calls if (error := call.exception())]
        if errors:
            raise Failed(f"{len(errors)} of {CALLERS} callers were not answered, the first: {errors[0]}")
        return f"{CALLERS} callers at once were answered"

    def _statistics(self) -> str:
        if isinstance(self._before, Failed):
            raise self._before
        if not self._accepted:
            raise Failed("no message was accepted, so there is nothing to count")
        give_up = time.monotonic() + self._patience
        while (grown := self._admin.stats()["messages_processed"] - self._before) < len(self._accepted):
            if time.monotonic() > give_up:
                raise Failed(f"messages_processed grew by {grown} after {len(self._accepted)} accepted messages")
            time.sleep(0.2)
        return f"messages_processed grew by {grown}"

    def _caller(self) -> str:
        self._users.append(f"{self._run}-{len(self._users) + 1}")
        return self._users[-1]

    def _say(self, caller: str, text: str) -> str:
        """One message in the documented form. Raises `Failed` unless it was accepted."""
        document = {
            "token": self._token,
            "session_id": f"{caller}-dialog",
            "user_id": caller,
            "client": {"clientId": caller, "phone": "+375291234567"},
            "message": {"text": text},
            "originalOnlineChatMessage": {"dialogId": f"{caller}-dialog"},
            "timestamp": datetime.now(UTC).isoformat(),
            "metadata": {"source": "selftest"},
        }
        answer = self._post(jsonlib.dumps(document).encode())
        if answer.status == 401:
            raise Failed(_seen(answer), "pass a token that talkme.tokens allows with --webhook-token")
        if answer.status != 200 or answer.document.get("success") is not True:
            raise Failed(f"expected 200 and success true, got {_seen(answer)}")
        self._accepted.append(caller)
        return f"{len(text)} characters: {answer.document.get('message')}"

    def _post(self, body: bytes) -> Answer:
        from iteira_cli.admin_client import request

        return request("POST", self._admin.url + "/webhook/talkme", body, self._headers, WEBHOOK_TIMEOUT)


def _agree_to_real_replies(ctx: typer.Context, admin: AdminClient, yes: bool) -> None:
    """Ask before replies go to a TalkMe that is not on this machine: the daemon's, or the configured one."""
    try:
        told = admin.stats().get("talkme")
    except Failed:
        told = None
    talkme = told or load_settings(ctx).talkme.base_url
    if is_loopback(urlsplit(talkme).hostname or ""):
        return
    unless = "" if told else " (unless the daemon was started by `iteira dev`)"
    confirm(f"{MESSAGES} replies would go to the real TalkMe at {talkme}{unless}. Go on?", yes)


def _watched(output: Output, checks: Iterator[Check]) -> list[Check]:
    """All of them. Where the table will be read elsewhere, each is also told as it is done."""
    if output.out.is_terminal:
        with output.err.status("Calling the daemon …"):
            return list(checks)
    done = []
    for check in checks:
        output.note(f"{'ok' if check.ok else 'FAILED'}: {check.name}")
        done.append(check)
    return done


def _seen(answer: Answer) -> str:
    return f"{answer.status} {answer.error}".rstrip()


def _wrong_bodies(token: str, user_id: str) -> dict[str, tuple[bytes, str]]:
    """Bodies that must be refused, each with the word by which `error` names what is wrong with it."""
    message = {"token": token, "user_id": user_id, "message": {"text": "Здравствуйте!"}}
    without_token = {key: value for key, value in message.items() if key != "token"}
    return {
        "not JSON": (b"{not json", "json"),
        "no token": (jsonlib.dumps(without_token).encode(), "token"),
        "blank text": (jsonlib.dumps(message | {"message": {"text": "  "}}).encode(), "text"),
    }


def _show(output: Output, checks: list[Check]) -> None:
    failed = sum(not check.ok for check in checks)
    if output.json:
        found = [asdict(check) for check in checks]
        output.document({"passed": len(checks) - failed, "failed": failed, "checks": found})
        return
    from iteira_cli.output import duration

    rows = [("ok" if c.ok else "FAILED", c.name, duration(c.seconds), c.detail) for c in checks]
    output.table("Self-test", ("", "Check", "Took", "Seen"), rows)
    output.line(f"{len(checks) - failed} passed, {failed} failed")
