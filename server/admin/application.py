"""The administration as an application of its own, which also knows the whole document of the API."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from server.admin.refusals import answer_errors_as_json


def application(routers: Sequence[APIRouter]) -> FastAPI:
    """Answers what these routers do, and every other path with a refusal."""
    app = FastAPI(title="Iteira", docs_url=None, redoc_url=None, openapi_url=None)
    for router in routers:
        app.include_router(router)
    answer_errors_as_json(app, [route for router in routers for route in router.routes])
    return app
