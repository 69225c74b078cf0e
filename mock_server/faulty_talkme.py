"""TalkMe's side of the faults: what can go wrong with a call of the daemon, done to the real connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi.responses import JSONResponse

from mock_server.calls import Calls
from mock_server.faults import Fault, Faults, Side

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HANG_UP = "iteira.hang_up"
"""ASGI extension of this mock's server: closes the connection once what was written is on its way."""
UNCONFIRMED = "unconfirmed"
"""Set in a request's state where its answer will not reach the daemon whole."""
ENOUGH = 128 * 1024
"""Bytes of a body that are read ahead; a longer one is refused anyway."""


class FaultyTalkMe:
    """ASGI middleware around TalkMe's calls, and around nothing else."""

    def __init__(self, app: App, faults: Faults, calls: Calls) -> None:
        self._app, self._faults, self._calls = app, faults, calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and "/customBot/" in scope["path"]
        fault = self._faults.draw(Side.TALKME) if ours else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        token = dict(scope["headers"]).get(b"x-token", b"").decode("latin-1")
        self._calls.fault(token, fault.name)
        acts: dict[str, Callable[[], Awaitable[None]]] = {
            "drop": lambda: self._drop(scope, receive, send),
            "truncate": lambda: self._truncate(scope, receive, send),
            "slow": lambda: self._slow(fault, scope, receive, send),
            "stall": lambda: self._stall(fault, scope, receive),
        }
        await acts.get(fault.name, lambda: _refusal(fault)(scope, receive, send))()

    async def _drop(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._faults.before(Side.TALKME):
            await self._app(_unconfirmed(scope), receive, _nothing)
        await hang_up(scope, receive)

    async def _truncate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The head promises the whole answer, and half of it follows."""

        async def half(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = message.get("body", b"")
                message = {"type": message["type"], "body": body[: len(body) // 2], "more_body": True}
            await send(message)

        await self._app(_unconfirmed(scope), receive, half)
        await hang_up(scope, receive)

    async def _slow(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Whoever hangs up meanwhile has asked for nothing."""
        body = await _read_ahead(receive)
        if not await gone(receive, fault.seconds):
            await self._app(scope, _from(body, receive), send)

    async def _stall(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        await gone(receive, fault.seconds)
        await hang_up(scope, receive)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection under the request, and return when that is done."""
    scope["extensions"][HANG_UP]()
    await gone(receive, ENOUGH)


async def gone(receive: Receive, seconds: float) -> bool:
    """Whether the client hangs up within `seconds`. What of the body was not read is lost."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def _refusal(fault: Fault) -> JSONResponse:
    """The answers that tell of a failure themselves."""
    match fault.name:
        case "success_false":
            return JSONResponse({"success": False, "error": {"descr": "Внутренняя ошибка, попробуйте позже"}})
        case "rate_limit":
            error = {"success": False, "error": {"descr": "Слишком много запросов"}}
            return JSONResponse(error, 429, {"Retry-After": f"{max(1, round(fault.seconds))}"})
    return JSONResponse({"success": False, "error": {"descr": "Internal Server Error"}}, 500)


def _unconfirmed(scope: Scope) -> Scope:
    return {**scope, "state": {**scope.get("state", {}), UNCONFIRMED: True}}


async def _nothing(message: Message) -> None:
    pass


async def _read_ahead(receive: Receive) -> list[Message]:
    """The messages of the body."""
    messages: list[Message] = []
    size = 0
    while size <= ENOUGH:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    return messages


def _from(messages: list[Message], receive: Receive) -> Receive:
    """What was read ahead, then what follows."""
    waiting = iter(messages)

    async def next_message() -> Message:
        return next(waiting, None) or await receive()

    return next_message
