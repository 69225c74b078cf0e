"""A process is ready for callers before it has loaded what only administrators need."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from starlette.applications import Starlette

from server.admin.application import answering
from server.intake.broken import broken
from server.on_demand import App, OnDemand, Receive, Scope, Send
from tests.daemon import settings_for
from tests.workbooks import write_workbook

ASKED = """
import asyncio, json, sys
import httpx
from server.morphology import analyzer
from server.serving import create_app
from server.settings import Settings

async def main():
    app = create_app(Settings.model_validate_json(sys.argv[1]))
    transport, found = httpx.ASGITransport(app, client=("127.0.0.1", 40_000)), {}
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
    async with app.router.lifespan_context(app), client:
        found["dictionaries"] = analyzer.cache_info().currsize
        for method, path in (("POST", ""), ("GET", "/health"), ("GET", "/health/ready"), ("GET", "/stats")):
            answer = await client.request(method, f"/webhook/talkme{path}")
            found[method + path] = answer.status_code, "fastapi" in sys.modules
    print(json.dumps(found))

asyncio.run(main())
"""


def test_a_start_loads_all_that_a_message_needs_and_nothing_that_the_administration_needs(tmp_path: Path) -> None:
    write_workbook(tmp_path / "knowledge" / "Цены.xlsx")
    settings = settings_for(tmp_path, "http://127.0.0.1:9").model_dump_json(include={"store", "knowledge", "logging"})
    told = subprocess.run([sys.executable, "-c", ASKED, settings], capture_output=True, text=True, timeout=60)
    assert json.loads(told.stdout) == {
        "dictionaries": 1,
        "POST": [400, False],
        "GET/health": [200, False],
        "GET/health/ready": [200, False],
        "GET/stats": [200, True],
    }, told.stderr


async def answered(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"made"})


def client_of(app: App, raises: bool = True) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raises), base_url="http://localhost")


async def test_whoever_asks_while_it_is_made_waits_for_the_same() -> None:
    made = []

    def make() -> App:
        made.append(1)
        return answered

    async with client_of(OnDemand(make)) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(5)))
    assert ([answer.text for answer in answers], made) == (["made"] * 5, [1])


async def test_what_could_not_be_made_is_tried_again_at_the_next_request() -> None:
    tried = []

    def make() -> App:
        tried.append(1)
        if len(tried) == 1:
            raise OSError("too many open files")
        return answered

    async with client_of(OnDemand(make)) as client:
        with pytest.raises(OSError, match="too many"):
            await client.get("/")
        assert (await client.get("/")).text == "made"


async def test_an_error_of_our_own_is_answered_as_json_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    router = APIRouter()

    @router.get("/broken")
    async def breaks() -> None:
        raise KeyError("anna")

    app = Starlette(exception_handlers={Exception: broken})
    app.router.default = OnDemand(lambda: answering([router]))
    with caplog.at_level(logging.ERROR, logger="server"):
        async with client_of(app, raises=False) as client:
            answer = await client.get("/broken")
    assert (answer.status_code, answer.json()) == (500, {"success": False, "error": "internal error"})
    assert answer.headers["cache-control"] == "no-store"
    assert caplog.messages == ["our own error at /broken: KeyError"]
