"""The mock TalkMe as one application: nothing happens at import, everything it keeps belongs to the app."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from mock_server import calls_api, console, faults_api, openai_api, stream_api, talkme_api
from mock_server.calls import SERVICE, Call, Calls, Event
from mock_server.faults import Faults
from mock_server.faulty_talkme import FaultyTalkMe
from mock_server.openai_api import Model
from mock_server.speaker import Speaker

DAEMON = "http://127.0.0.1:8000"
MAX_BODY = 64 * 1024
"""Bytes of a request's body."""


def create_app(
    *,
    tokens: Collection[str] = (),
    now: Callable[[], float] = time.time,
    watch: Callable[[Call, Event], None] | None = None,
    model: Model | None = None,
    faults: Faults | None = None,
    daemon: str = DAEMON,
    headers: Mapping[str, str] | None = None,
) -> FastAPI:
    """A TalkMe to practise on, and with `model` a model provider beside it. The other parameters are those of `Calls`,
    which the app keeps as `app.state.calls`. `faults` can be changed while it runs; without, there are none yet.
    `daemon` is the base URL at which the console's page calls, with `headers` in every request."""
    app = FastAPI(
        title="Mock TalkMe",
        description=talkme_api.__doc__ or "",
        docs_url=None,  # the documentation page would load its scripts from elsewhere
        redoc_url=None,
    )
    app.state.calls = Calls(tokens=tokens, now=now, watch=watch)
    app.state.faults = faults or Faults()
    app.state.speaker = Speaker(app.state.calls, app.state.faults, daemon, headers)
    app.add_middleware(FaultyTalkMe, faults=app.state.faults, calls=app.state.calls)
    app.add_exception_handler(RequestValidationError, _unprocessable)
    app.include_router(talkme_api.router, max_body_size=MAX_BODY)
    app.include_router(talkme_api.router, prefix="/json/v1.0", max_body_size=MAX_BODY)
    app.include_router(calls_api.router, max_body_size=MAX_BODY)
    app.include_router(stream_api.router)
    app.include_router(console.router, max_body_size=MAX_BODY)
    app.include_router(faults_api.router, max_body_size=MAX_BODY)
    if model:
        app.state.model = model
        app.include_router(openai_api.router, max_body_size=openai_api.MAX_BODY)
    app.add_api_route("/health", _health, tags=["Mock"])
    return app


async def _health(request: Request) -> dict[str, str | int]:
    return {"status": "ok", "service": SERVICE, "calls": len(talkme_api.received(request).all())}


async def _unprocessable(_: Request, error: Exception) -> JSONResponse:
    # FastAPI's own answer repeats the input, which need not be writable as JSON.
    assert isinstance(error, RequestValidationError)
    detail = [{"loc": problem["loc"], "msg": problem["msg"]} for problem in error.errors()]
    return JSONResponse({"detail": detail}, status_code=422)
