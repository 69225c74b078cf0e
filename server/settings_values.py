"""Kinds of values that settings have, each with what is expected of it."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from server.intake.addresses import networks
from server.intake.rates import rate
from server.settings_daemon import ADMIN_TOKEN_LEAST, LARGEST_PORT

Seconds = Annotated[float, Field(gt=0, le=86_400)]


def comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _http_url(value: str) -> str:
    address = urlsplit(value)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError("expected an address that starts with http:// or https://")
    if "@" in address.netloc:
        raise ValueError("expected an address without user and password")
    if not all("!" <= char <= "~" for char in value) or "?" in value or "#" in value:
        raise ValueError("expected an address in Latin letters without blanks, ? and #: paths are put behind it")
    if not _has_a_port(address):
        raise ValueError(f"expected a port from 1 to {LARGEST_PORT} behind the colon, or none")
    return value.rstrip("/") + "/"


def _has_a_port(address: SplitResult) -> bool:
    try:
        return address.port != 0
    except ValueError:
        return False


def _store_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "redis://", "rediss://", "memory://")):
        raise ValueError("expected sqlite:///path/to/file.db or redis://host:6379/0")
    return value


def _at_least(characters: int) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value()
        if len(value) < characters or not all("!" <= char <= "~" for char in value):
            raise ValueError(f"expected at least {characters} characters: Latin letters, digits and signs")
        return secret

    return AfterValidator(check)


def _in_a_path(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\w.~-]+", secret.get_secret_value(), re.ASCII):
        raise ValueError("expected Latin letters, digits and . _ ~ - alone: it may be part of an address")
    return secret


def _region(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # only where somebody has set it: the command line must start fast

    if value not in SUPPORTED_REGIONS:
        raise ValueError("expected a country in two capital letters, such as BY (ISO 3166)")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Minsk") from None
    return value


def _networks(value: list[str]) -> list[str]:
    networks(value)
    return value


def _origin(value: str) -> str:
    address = urlsplit(value)
    if (
        address.scheme not in ("http", "https")
        or not address.hostname
        or value != f"{address.scheme}://{address.netloc}"
    ):
        raise ValueError("expected origins such as https://desk.example.by, without a path")
    return value


def _rate(value: str) -> str:
    rate(value)
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
TalkMeToken = Annotated[SecretStr, _at_least(10)]
AdminToken = Annotated[SecretStr, _at_least(ADMIN_TOKEN_LEAST)]
Tokens = Annotated[list[AdminToken], BeforeValidator(comma_separated)]
WebhookSecret = Annotated[SecretStr, _at_least(16), AfterValidator(_in_a_path)]
ApiKey = Annotated[SecretStr, _at_least(1)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
Rate = Annotated[str, AfterValidator(_rate)]
Networks = Annotated[list[str], BeforeValidator(comma_separated), AfterValidator(_networks)]
PageOrigins = Annotated[list[Annotated[str, AfterValidator(_origin)]], BeforeValidator(comma_separated)]
Region = Annotated[str, AfterValidator(_region)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
