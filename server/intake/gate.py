"""The gate before everything: who may come in, whether he has come too often, and the headers of every answer.

One plain ASGI pass. What needs the body of a message is the webhook's own business, what needs a token of the
administration is `admin.auth`'s.
"""

from __future__ import annotations

import hmac
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.errors import TooMany
from server.intake.addresses import Addresses, Network, within
from server.intake.backlog import Backlog
from server.intake.json_response import JSONResponse
from server.intake.rates import Counted, network_of, told
from server.intake.refusal import refusal, too_many

log = logging.getLogger(__name__)

WEBHOOK = "/webhook/talkme"
HEALTH = f"{WEBHOOK}/health"
SECRET_HEADER = "x-webhook-secret"  # noqa: S105 - its name
YEAR = 365 * 86_400

SECURITY = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Of every answer: it is what it says it is, shows nothing from elsewhere and nowhere else, and is kept by nobody."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Who comes through. Empty networks are no condition."""

    addresses: Addresses
    webhook_from: Sequence[Network]
    admin_from: Sequence[Network]
    secret: str | None
    """Of the webhook: in a header, or as the last segment of its path."""
    body: int
    """Bytes of any body."""
    behind_tls: bool


class Gate:
    """`per_address` counts what each address sends to this process, `wrong` its wrong secrets, `refused` by status. Who
    would wait too long in the `backlog` is refused before anything is read of him: it must cost next to nothing.

    The `webhook` is answered here, where it has come through: of what a message costs on the way in, the framework's
    routing would be half.
    """

    def __init__(
        self,
        app: App,
        rules: Rules,
        backlog: Backlog,
        per_address: Counted,
        wrong: Counted,
        refused: Counter[str],
        webhook: Callable[[Request], Awaitable[Response]] | None = None,
    ) -> None:
        self._app, self._rules, self._refused, self._webhook = app, rules, refused, webhook
        self._backlog, self._per_address, self._wrong = backlog, per_address, wrong
        self._too_long = refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"Слишком много сообщений ждут ответа (limits.wait); повторите через {math.ceil(backlog.wait)} с",
            headers={"Retry-After": str(math.ceil(backlog.wait))},
        )
        tls = {"strict-transport-security": f"max-age={YEAR}"} if rules.behind_tls else {}
        self._headers = [(name.encode(), value.encode()) for name, value in {**SECURITY, **tls}.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in self._headers if each[0] not in there)]
            await send(message)

        if scope["path"] == HEALTH or scope["path"].startswith(f"{HEALTH}/"):
            await self._app(scope, receive, watched)
            return
        address = self._address(scope)
        whose = network_of(address)
        is_webhook = self._is_webhook(scope)
        answer: App | None = self._refuse(scope, address, whose, is_webhook)
        if answer is None and is_webhook and self._webhook:
            answer = await self._webhook(Request(scope, receive))
        await (answer or self._app)(scope, receive, watched)
        if status != HTTPStatus.TOO_MANY_REQUESTS:  # one caller's burst takes nothing from the others of his address
            self._per_address.count(whose)

    def _address(self, scope: Scope) -> str:
        """The caller's; from here on it is `client` of the scope."""
        peer, port = scope.get("client") or ("", 0)
        address = self._rules.addresses.of(peer, scope["headers"])
        if address != peer:
            scope["client"] = (address, port)
        return address

    def _refuse(self, scope: Scope, address: str, whose: str, is_webhook: bool) -> JSONResponse | None:
        refuse = self._of_webhook if is_webhook else self._of_administration
        try:
            refused = refuse(scope, address, whose)
        except TooMany as limit:
            refused = self._too_many(limit, is_webhook)
        if refused and is_webhook:
            self._refused[str(refused.status_code)] += 1
            if refused is not self._too_long:  # of which there are many at a time; the backlog says so itself
                log.warning("a webhook was refused with %d at the gate", refused.status_code)
        return refused

    def _is_webhook(self, scope: Scope) -> bool:
        """Also takes the secret out of the path, so that it goes no further, into a log or anywhere else."""
        path: str = scope["path"].rstrip("/")
        if self._rules.secret is not None and path.startswith(f"{WEBHOOK}/"):
            last, is_post = path.removeprefix(f"{WEBHOOK}/"), scope["method"] == "POST"
            right = [_same(segment, self._rules.secret) for segment in last.split("/")]
            if any(right) or (is_post and len(right) == 1):
                path = WEBHOOK if len(right) == 1 else f"{WEBHOOK}/***"
                scope["path"], scope["raw_path"] = path, path.encode()
                scope["webhook_secret"] = right == [True]
        return scope["method"] == "POST" and path == WEBHOOK

    def _of_webhook(self, scope: Scope, address: str, whose: str) -> JSONResponse | None:
        rules = self._rules
        if rules.webhook_from and not within(address, rules.webhook_from):
            return refusal(HTTPStatus.FORBIDDEN, "Адрес отправителя не разрешён (server.allow_from)")
        self._per_address.check(whose)
        if rules.secret is None or scope.get("webhook_secret") or self._has_secret(scope, rules.secret):
            return self._too_long if self._backlog.refuses() else None
        self._wrong.spend(whose)
        return refusal(
            HTTPStatus.UNAUTHORIZED,
            f"Нет секрета вебхука или он неверен: ожидается заголовок {SECRET_HEADER} или {WEBHOOK}/<секрет>",
        )

    def _has_secret(self, scope: Scope, secret: str) -> bool:
        given = dict(scope["headers"]).get(SECRET_HEADER.encode(), b"")
        return _same(given.decode("latin-1"), secret)

    def _of_administration(self, scope: Scope, address: str, whose: str) -> JSONResponse | None:
        rules = self._rules
        if rules.admin_from and not within(address, rules.admin_from):
            return _told(HTTPStatus.FORBIDDEN, "this address may not administrate (admin.allow_from)")
        self._per_address.check(whose)
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > rules.body:
            return _told(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {rules.body} bytes")
        return None

    @staticmethod
    def _too_many(limit: TooMany, is_webhook: bool) -> JSONResponse:
        if is_webhook:
            return refusal(HTTPStatus.TOO_MANY_REQUESTS, too_many(limit), headers=told(limit))
        return _told(HTTPStatus.TOO_MANY_REQUESTS, str(limit), told(limit))


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())


def _told(status: HTTPStatus, error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"success": False, "error": error}, status, headers=headers)
