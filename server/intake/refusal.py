"""The webhook's answer where a message is not taken. Described in `docs/webhook.md`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from server.errors import TooMany
from server.intake.json_response import JSONResponse
from server.intake.rates import told
from server.models import Incoming

WHOSE = {
    "per_user": "от одного пользователя",
    "per_token": "с одним токеном",
    "per_address": "с одного адреса",
    "wrong_tokens": "с неверным токеном с одного адреса",
}


def refusal(
    status: HTTPStatus, error: str, incoming: Incoming | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    body = {
        "success": False,
        "session_id": incoming.session_id if incoming else None,
        "message": None,
        "end_conversation": False,
        "error": error,
    }
    return JSONResponse(body, status, headers=headers)


def too_many(limit: TooMany) -> str:
    return (
        f"Слишком много сообщений: {WHOSE[limit.name]} — не более {limit.limit} за {limit.window:g} с "
        f"(limits.{limit.name}); повторите через {told(limit)['Retry-After']} с"
    )
