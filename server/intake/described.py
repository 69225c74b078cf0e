"""The webhook in the OpenAPI document: what it takes and answers. In words it is in `docs/webhook.md`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from server.intake.payload import ID_LENGTH
from server.intake.routes import Webhook


class WebhookAnswer(BaseModel):
    """`message` where the message was taken, `error` where it was not; the session where it is known."""

    success: bool
    session_id: str | None
    message: str | None
    end_conversation: bool
    """The bot has left the dialog."""
    error: str | None = None


Schema = dict[str, Any]

VISIBLE = "[0-9A-Za-zА-Яа-яЁё]"
"""Enough that something is left when blanks and control characters are taken away. Other signs are taken as well."""
TOKEN: Schema = {"type": "string", "pattern": "^[!-~]{10,512}$"}
TEXT: Schema = {"type": "string", "pattern": VISIBLE}
ID: Schema = {"anyOf": [{"type": "string", "maxLength": ID_LENGTH, "pattern": VISIBLE}, {"type": "integer"}]}
PERHAPS: Schema = {"anyOf": [*ID["anyOf"], {"type": "null"}]}
FIELDS: dict[str, Schema] = {
    "token": TOKEN,
    "message": {"anyOf": [TEXT, {"type": "object", "required": ["text"], "properties": {"text": TEXT}}]},
    "session_id": PERHAPS,
    "originalOnlineChatMessage": {"type": "object", "properties": {"id": PERHAPS, "dialogId": PERHAPS}},
    **dict.fromkeys(("phone_number", "caller_number", "from"), PERHAPS),
}
CLIENT: dict[str, Schema] = {"phone": PERHAPS, "name": {"description": "A name, if it is a text."}}


def form(title: str, required: list[str], fields: dict[str, Schema]) -> Schema:
    return {"title": title, "type": "object", "required": required, "properties": {**FIELDS, **fields}}


REAL_CLIENT: Schema = {"type": "object", "required": ["clientId"], "properties": {**CLIENT, "clientId": ID}}
DOCUMENTED_CLIENT: Schema = {"type": "object", "properties": CLIENT}
SCHEMA: Schema = {
    "anyOf": [
        form(
            "The documented form",
            ["token", "user_id", "message"],
            {"user_id": ID, "client": DOCUMENTED_CLIENT},
        ),
        form("What TalkMe sends", ["token", "client", "message"], {"client": REAL_CLIENT}),
    ]
}
EXAMPLES: dict[str, Any] = {
    "documented": {
        "summary": "The documented form",
        "value": {
            "token": "webhook-token",
            "session_id": "3120",
            "user_id": "xI4WylKDvtas",
            "client": {"clientId": "xI4WylKDvtas", "phone": "+375291234567"},
            "message": {"text": "Сколько стоит маникюр?"},
            "originalOnlineChatMessage": {"dialogId": "3120"},
        },
    },
    "real": {
        "summary": "What TalkMe sends",
        "value": {
            "token": "webhook-token",
            "site": {"id": "2a5r5t", "domain": "iteira"},
            "client": {
                "searchId": 33538,
                "login": "1_posetitel",
                "clientId": "xI4WylKDvtas",
                "name": "1 посетитель в сентябре 2025 года",
                "phone": None,
            },
            "message": {"text": "Привет"},
            "originalOnlineChatMessage": {"id": 33688, "text": "Привет", "dialogId": 3120},
        },
    },
}
REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": SCHEMA, "examples": EXAMPLES}},
    },
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The message's id, where `originalOnlineChatMessage.id` is not there",
            "schema": {"type": "string", "maxLength": ID_LENGTH},
        },
        {
            "name": "X-Webhook-Secret",
            "in": "header",
            "description": "`server.webhook_secret`, where there is one",
            "schema": {"type": "string"},
        },
    ],
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": WebhookAnswer, "description": description}
    for status, description in {
        200: "The reply was delivered, or follows; or the message was too old to be answered",
        400: "Not JSON, or a field is missing or wrong: `error` names it",
        401: "The token or the secret is not allowed",
        403: "The address is not in `server.allow_from`",
        408: "The body did not arrive in time",
        413: "The body is over `limits.body`",
        429: "A limit is reached: nothing was accepted; come again after `Retry-After` seconds",
        502: "The reply could not be delivered: the same id sent again tries again",
        503: "Nothing was accepted; come again after `Retry-After` seconds",
    }.items()
}


def webhook_router(talkme: Webhook) -> APIRouter:
    """The webhook for the document of the API, and wherever the gate does not answer it itself."""
    router = APIRouter()
    router.post("/webhook/talkme/", include_in_schema=False)(talkme)
    router.post("/webhook/talkme", openapi_extra=REQUEST, responses=RESPONSES, tags=["webhook"])(talkme)
    return router
