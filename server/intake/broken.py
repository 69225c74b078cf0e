"""What is answered where the error is our own: the same JSON as every refusal, and nothing of what it was."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse

from server.intake.gate import SECURITY

log = logging.getLogger(__name__)


async def broken(request: Request, error: Exception) -> JSONResponse:
    """For what stands before everything, and hears of every error."""
    log.error("our own error at %s: %s", request.url.path, type(error).__name__)
    return await own_error(request, error)


async def own_error(request: Request, error: Exception) -> JSONResponse:
    """For what hands the error on."""
    # Who answers this stands before the gate, which adds these headers to all other answers.
    return JSONResponse(
        {"success": False, "error": "internal error"}, HTTPStatus.INTERNAL_SERVER_ERROR, headers=SECURITY
    )
