"""Every refusal has the same form as the webhook's: `success`, and `error` for the person who reads it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from server.errors import StoreError
from server.intake.broken import own_error

log = logging.getLogger(__name__)


def answer_errors_as_json(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Whatever goes wrong at whatever path, the answer is a JSON object. `routes`: all that the app answers."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        headers = error.headers
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"Allow": ", ".join(_methods(routes, request))}
        return JSONResponse({"success": False, "error": error.detail}, error.status_code, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def misunderstood(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = "; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors())
        return JSONResponse({"success": False, "error": wrong}, HTTPStatus.BAD_REQUEST)

    app.add_exception_handler(Exception, own_error)

    @app.exception_handler(StoreError)
    async def unavailable(request: Request, error: StoreError) -> JSONResponse:
        log.error("the store is away: %s", error)
        headers = {"Retry-After": "5"}
        return JSONResponse({"success": False, "error": str(error)}, HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)


def _methods(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """All that this path answers: FastAPI tells those of its first route alone."""
    path = next((_path(route) for route in routes if route.matches(request.scope)[0] is not Match.NONE), None)
    return sorted({method for route in routes if _path(route) == path for method in getattr(route, "methods", ())})


def _path(route: BaseRoute) -> str:
    return str(getattr(route, "path", ""))
