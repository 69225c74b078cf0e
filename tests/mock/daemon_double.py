"""A daemon as small as it can be: it takes the webhook and answers through TalkMe's calls, by real HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import uvicorn
from fastapi import BackgroundTasks, FastAPI, Response
from fastapi.responses import JSONResponse

SENT = {"success": True, "message": "Сообщение отправлено", "end_conversation": False}
ACCEPTED = SENT | {"message": "Сообщение принято"}


class TalkMe:
    """TalkMe as a daemon sees it: one base URL and the token of the webhook."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url
        self._token = token

    async def __call__(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self._base_url, headers={"X-Token": self._token}) as http:
            answer = await http.post(f"customBot/{method}", json=body)
            content: dict[str, Any] = answer.json()
            return content

    async def send(self, text: str) -> dict[str, Any]:
        return await self("send", {"content": {"text": text}})


Turn = Callable[[TalkMe, str], Awaitable[dict[str, Any] | Response]]
"""What the daemon does with a text: talks to TalkMe, and gives the webhook's answer."""


async def greet(talkme: TalkMe, text: str) -> dict[str, Any]:
    await talkme("simulateTyping", {"ttl": 15})
    await talkme.send(f"Вы сказали: {text}")
    return SENT


class DaemonDouble:
    """Runs `turn` for each webhook, or `later` after the webhook has been answered. Keeps what it was sent."""

    def __init__(self, talkme_url: str, turn: Turn = greet, later: Turn | None = None) -> None:
        self.talkme_url = talkme_url
        self.turn = turn
        self.later = later
        self.received: list[dict[str, Any]] = []
        self.transcript: list[dict[str, Any]] = []
        """What its administration tells of every session."""
        self.stats: dict[str, Any] | None = None
        """What its administration tells of itself; None: it tells nothing."""

    def server(self) -> uvicorn.Server:
        app = FastAPI()
        app.add_api_route("/webhook/talkme", self._webhook, methods=["POST"], response_model=None)
        app.add_api_route("/webhook/talkme/health", lambda: {"status": "ok"})
        app.add_api_route("/webhook/talkme/session/{user_id}", lambda: {"transcript": self.transcript})
        app.add_api_route("/webhook/talkme/stats", self._stats, response_model=None)
        return uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))

    def _stats(self) -> dict[str, Any] | Response:
        return self.stats or Response(status_code=404)

    async def _webhook(self, body: dict[str, Any], background: BackgroundTasks) -> dict[str, Any] | Response:
        self.received.append(body)
        talkme, text = TalkMe(self.talkme_url, body["token"]), body["message"]["text"]
        if self.later:
            background.add_task(self.later, talkme, text)
        return await self.turn(talkme, text)


def refusing(status: int, error: str) -> Turn:
    async def refuse(talkme: TalkMe, text: str) -> Response:
        return JSONResponse({"success": False, "error": error}, status_code=status)

    return refuse
