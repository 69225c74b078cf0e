"""The OpenAPI document: what FastAPI knows of the routes, and how they refuse."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from server.admin.form import Form


class Refusal(Form):
    """Every answer of the administration that is not what was asked for."""

    success: bool
    """Always false."""
    error: str
    """What was wrong, for the person who reads it."""


LATER = {"Retry-After": {"description": "Seconds after which to come again", "schema": {"type": "integer"}}}


def refused(status: HTTPStatus, why: str, *, later: bool = False) -> dict[int | str, dict[str, Any]]:
    """How a route refuses, in the form in which FastAPI takes it."""
    return {status.value: {"model": Refusal, "description": why, **({"headers": LATER} if later else {})}}


NOT_FOUND = refused(HTTPStatus.NOT_FOUND, "There is none")
OF_ADMINISTRATION = {
    **refused(HTTPStatus.BAD_REQUEST, "A parameter is wrong: `error` names it"),
    **refused(HTTPStatus.UNAUTHORIZED, "The token is missing or wrong"),
    **refused(HTTPStatus.FORBIDDEN, "Not from this address, or not with this token"),
    **refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No body is expected, and none over `limits.body`"),
    **refused(HTTPStatus.TOO_MANY_REQUESTS, "Too much came from this address, or too many wrong tokens", later=True),
    **refused(HTTPStatus.SERVICE_UNAVAILABLE, "The store is away", later=True),
}


def document(app: FastAPI, asks_for: Sequence[str]) -> dict[str, Any]:
    """FastAPI's document, made to fit: what it would answer 422 is 400 here, and tokens are asked for as configured.

    `asks_for`: as `Administrators.asks_for`.
    """
    found = deepcopy(app.openapi())
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            if "security" in operation:
                operation["security"] = [{name: []} if name else {} for name in asks_for]
    for unused in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(unused, None)
    return found
