"""A real daemon on a real socket, in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from server.app import create_app
from server.clock import Clock
from server.connections import Connection
from server.serving import listen
from server.settings import Settings
from tests.polling import eventually

TOKEN = "token-of-the-salon"


def settings_for(folder: Path, talkme: str, /, **sections: Mapping[str, object]) -> Settings:
    """Settings of a daemon that keeps everything in `folder` and answers through `talkme` (a base URL)."""
    values: dict[str, dict[str, object]] = {
        "talkme": {"base_url": talkme},
        "store": {"url": f"sqlite:///{folder}/iteira.db"},
        "knowledge": {"path": folder / "knowledge", "index": folder / "index", "embedder": "none"},
        "logging": {"dir": folder / "logs"},
    }
    for section, changed in sections.items():
        values[section] = {**values.get(section, {}), **changed}
    return Settings.model_validate(values)


@asynccontextmanager
async def running_daemon(settings: Settings, clock: Clock | None = None) -> AsyncIterator[str]:
    """The daemon's base URL while the block runs; then it stops as after SIGTERM."""
    sock = listen("127.0.0.1", 0)
    app = create_app(settings, clock)
    config = uvicorn.Config(app, http=Connection, log_config=None, access_log=False, proxy_headers=False, ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([sock]))
    try:
        await eventually(lambda: server.started or serving.done())
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def documented(text: str = "Привет", user: str = "anna", **fields: Any) -> dict[str, Any]:
    """A webhook's body in the documented form."""
    return {
        "token": TOKEN,
        "session_id": f"session-of-{user}",
        "user_id": user,
        "client": {"clientId": user, "phone": None},
        "message": {"text": text},
        **fields,
    }


def real(text: str = "Привет", message_id: int = 33688, client: str = "xI4WylKDvtas") -> dict[str, Any]:
    """A webhook's body as TalkMe sends it."""
    return {
        "token": TOKEN,
        "site": {"id": "2a5r5t", "domain": "iteira"},
        "client": {
            "searchId": 33538,
            "login": "1_posetitel",
            "clientId": client,
            "name": "1 посетитель в сентябре 2025 года",
            "phone": None,
        },
        "message": {"text": text},
        "originalOnlineChatMessage": {"id": message_id, "text": text, "dialogId": 3120},
    }
