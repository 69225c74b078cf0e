"""`POST /webhook/talkme`: the HTTP side of intake. Statuses and answers are described in `docs/webhook.md`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.requests import Request

from server.clock import Clock
from server.errors import InboxFull, PayloadError, Stopping, StoreError, TokenNotAllowed, TooMany
from server.intake import payload
from server.intake.accept import Intake
from server.intake.json_response import JSONResponse
from server.intake.limits import BodyIncomplete, BodyTooLarge, read_body
from server.intake.rates import network_of, told
from server.intake.refusal import refusal, too_many
from server.models import Incoming, Outcome, State

log = logging.getLogger(__name__)

RETRY_AFTER = 5
"""Seconds after which TalkMe may try again when the daemon could not take a message."""

SENT = "Сообщение отправлено"
ACCEPTED = "Сообщение принято"
UNAVAILABLE = "Сервис временно недоступен, повторите запрос позже"
NOT_DELIVERED = "Ответ не удалось доставить: повторите запрос с тем же идентификатором сообщения"
TOO_OLD = "Сообщение устарело, ответ на него не отправлен"


Webhook = Callable[[Request], Awaitable[JSONResponse]]


def webhook(
    intake: Intake, refused: Counter[str], clock: Clock, body_limit: int, text_limit: int, region: str
) -> Webhook:
    """What answers the webhook; `body_limit` in bytes, `text_limit` in characters, `region` as in `payload.parse`.

    `refused` counts what was refused, by status.
    """

    def refuse(
        status: HTTPStatus,
        error: str,
        incoming: Incoming | None = None,
        headers: Mapping[str, str] | None = None,
        why: StoreError | None = None,
    ) -> JSONResponse:
        """`why` is for the log, where it is more than whoever sent the message has to know."""
        refused[str(status.value)] += 1
        expected = why is None or isinstance(why, InboxFull | Stopping)
        level = logging.WARNING if expected else logging.ERROR
        log.log(level, "a webhook was refused with %d: %s", status, why or error)
        return refusal(status, error, incoming, headers)

    async def talkme(request: Request) -> JSONResponse:
        """One message of a caller. The answer waits for the reply to have been delivered."""
        incoming: Incoming | None = None
        try:
            raw = await read_body(request, body_limit, clock)
            incoming = payload.parse(raw, request.headers.get("idempotency-key"), text_limit, region)
            address = network_of(request.client.host) if request.client else ""
            _, outcome = await intake.take(incoming, address)
        except BodyTooLarge:
            return refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Тело запроса больше {body_limit} байт")
        except BodyIncomplete:
            return refuse(HTTPStatus.REQUEST_TIMEOUT, "Тело запроса не получено полностью")
        except PayloadError as wrong:
            return refuse(HTTPStatus.BAD_REQUEST, str(wrong))
        except TokenNotAllowed:
            return refuse(HTTPStatus.UNAUTHORIZED, "Поле token: токен не разрешён (talkme.tokens)", incoming)
        except TooMany as limit:
            return refuse(HTTPStatus.TOO_MANY_REQUESTS, too_many(limit), incoming, told(limit))
        except StoreError as down:
            later = {"Retry-After": str(RETRY_AFTER)}
            return refuse(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE, incoming, later, why=down)
        return _answer(incoming, outcome)

    return talkme


def _answer(incoming: Incoming, outcome: Outcome | None) -> JSONResponse:
    if outcome is None:
        return _success(incoming, ACCEPTED)
    if outcome.state is State.SENT:
        return _success(incoming, SENT, ends=outcome.finish is not None)
    if outcome.state is State.EXPIRED:  # sending it again would not make it younger: no status that asks for it
        return refusal(HTTPStatus.OK, TOO_OLD, incoming)
    return refusal(HTTPStatus.BAD_GATEWAY, NOT_DELIVERED, incoming)


def _success(incoming: Incoming, message: str, ends: bool = False) -> JSONResponse:
    return JSONResponse(
        {"success": True, "session_id": incoming.session_id, "message": message, "end_conversation": ends}
    )
