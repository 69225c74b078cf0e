"""From the JSON of a webhook to an `Incoming`: every form in which TalkMe is known to send a message.

The documented form has `session_id` and `user_id`; what TalkMe sends in practice has neither, numbers for ids and null
for an unknown phone. Which field a value is taken from, and the rules for it, are described in `docs/webhook.md`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import phonenumbers

from server.errors import PayloadError
from server.intake.nesting import deeper_than
from server.models import Incoming
from server.text import clean

log = logging.getLogger(__name__)

TOKEN = re.compile(r"[!-~]{10,512}")
"""What a token looks like: it becomes the value of an HTTP header."""
DEPTH = 32
"""How deep objects and arrays may stand in each other; TalkMe's are three deep."""
ID_LENGTH = 256
NAME_LENGTH = 200
VISITOR = re.compile(r"\bпосетитель\b", re.IGNORECASE)
"""TalkMe calls callers it does not know «1 посетитель в сентябре 2025 года»: that is no name."""

TEXT_SOURCES = ("message.text", "message", "text", "body", "originalOnlineChatMessage.text")
USER_SOURCES = ("user_id", "client.clientId", "client.login", "client.searchId", "client.phone")
SESSION_SOURCES = ("session_id", "originalOnlineChatMessage.dialogId")
MESSAGE_SOURCES = ("originalOnlineChatMessage.id", "Idempotency-Key")
PHONE_SOURCES = ("client.phone", "phone_number", "caller_number", "from")

Body = Mapping[str, Any]

KINDS = {str: "строка", bool: "логическое значение", int: "число", float: "число", list: "список", dict: "объект"}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_constant=_no_number)
"""Of a name that comes twice the last value counts. `NaN` and `Infinity`, which Python alone knows, are refused."""


def parse(raw: bytes, idempotency_key: str | None, text_limit: int, region: str) -> Incoming:
    """The message in a webhook's body. Raises `PayloadError`, which names the field and what is expected.

    `text_limit` is in characters; what is over it is dropped with a warning. `region` (ISO 3166) is the country of
    telephone numbers written without a country code.
    """
    body = _object(raw)
    session_id = _identifier(body, SESSION_SOURCES)
    user_id = _identifier(body, USER_SOURCES) or session_id
    if user_id is None:
        raise PayloadError("user_id", f"не указан; ожидается строка или число в одном из {', '.join(USER_SOURCES)}")
    return Incoming(
        user_id=user_id,
        session_id=session_id or user_id,
        text=_text(body, text_limit),
        token=_token(body),
        external_id=_identifier({**body, "Idempotency-Key": idempotency_key}, MESSAGE_SOURCES),
        phone=_phone(body, region),
        name=_name(body),
    )


def _object(raw: bytes) -> Body:
    if deeper_than(DEPTH, raw):
        raise PayloadError("тело запроса", f"объекты и списки вложены глубже {DEPTH} уровней")
    try:
        body = DECODER.decode(raw.decode("utf-8-sig"))
    except ValueError:
        raise PayloadError("тело запроса", "ожидается объект JSON в кодировке UTF-8") from None
    if not isinstance(body, dict):
        raise PayloadError("тело запроса", f"ожидается объект JSON, получено: {_kind(body)}")
    return body


def _kind(value: object) -> str:
    return KINDS.get(type(value), "null")


def _at(body: Body, path: str) -> object:
    """The value at a dotted path; None where a step of it is missing or no object."""
    value: object = body
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _token(body: Body) -> str:
    token = body.get("token")
    if not isinstance(token, str) or not TOKEN.fullmatch(token.strip()):
        raise PayloadError("token", "ожидается строка от 10 до 512 символов: латинские буквы, цифры и знаки")
    return token.strip()


def _text(body: Body, limit: int) -> str:
    for path in TEXT_SOURCES:
        value = _at(body, path)
        if value is None or (path == "message" and isinstance(value, dict)):
            continue
        if not isinstance(value, str):
            raise PayloadError(path, f"ожидается строка, получено: {_kind(value)}")
        if text := clean(value):
            if len(text) > limit:
                log.warning("a message of %d characters was cut to its first %d", len(text), limit)
            return text[:limit]
    raise PayloadError("message.text", "текст сообщения не указан или пуст; ожидается непустая строка")


def _identifier(body: Body, sources: tuple[str, ...]) -> str | None:
    for path in sources:
        value = _at(body, path)
        if value is None:
            continue
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise PayloadError(path, f"ожидается строка или число, получено: {_kind(value)}")
        if identifier := clean(str(value)):
            if len(identifier) > ID_LENGTH:
                raise PayloadError(path, f"ожидается не более {ID_LENGTH} символов, получено: {len(identifier)}")
            return identifier
    return None


def _phone(body: Body, region: str) -> str | None:
    given = _identifier(body, PHONE_SOURCES)
    if given is None:
        return None
    try:
        number = phonenumbers.parse(given, region)
    except phonenumbers.NumberParseException:
        return given
    if not phonenumbers.is_valid_number(number):
        return given
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _name(body: Body) -> str | None:
    name = _at(body, "client.name")
    if not isinstance(name, str) or VISITOR.search(name):
        return None
    return clean(name)[:NAME_LENGTH] or None
