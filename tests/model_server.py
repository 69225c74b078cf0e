"""An OpenAI-compatible provider on a real socket that streams what a test tells it to."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from server.serving import listen
from tests.polling import eventually


@dataclass(frozen=True)
class Completion:
    """One answer of the model. `cut` ends the stream in the middle; `until` holds it back after the first words."""

    words: Sequence[str] = ()
    functions: Sequence[tuple[str, str]] = ()
    """Names and arguments (JSON) of function calls, streamed in small pieces."""
    status: int = 200
    cut: bool = False
    until: asyncio.Event | None = None
    silent: bool = False
    """Held back before the first words, too."""
    error: str = "no"
    """What it says where `status` is no success."""
    usage: dict[str, int] | None = None
    """Told in a chunk of its own, behind the answer."""
    events: str = ""
    """The whole stream, as it is, in place of what would be made of the rest."""


@dataclass
class ModelServer:
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    script: deque[Completion] = field(default_factory=deque)
    always: Callable[[dict[str, Any]], Completion] | None = None
    """Answers every request from its body, in place of the script."""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/v1/chat/completions")
        async def complete(request: Request) -> Response:
            self.requests.append(await request.json())
            self.keys.append(request.headers.get("authorization", ""))
            completion = self.always(self.requests[-1]) if self.always else self.script.popleft()
            if completion.status != 200:
                return JSONResponse({"error": {"message": completion.error, "type": "x"}}, completion.status)
            return StreamingResponse(_events(completion), media_type="text/event-stream")

        return app


async def _events(completion: Completion) -> AsyncIterator[str]:
    if completion.events:
        yield completion.events
        return
    if completion.silent and completion.until:
        await completion.until.wait()
    for word in completion.words:
        yield event({"content": word})
        if completion.until:
            await completion.until.wait()
    if completion.cut:
        raise ConnectionError("cut on purpose")
    for index, (name, arguments) in enumerate(completion.functions):
        yield event({"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": name, "arguments": ""}}]})
        for start in range(0, len(arguments), 5):
            part = {"index": index, "function": {"arguments": arguments[start : start + 5]}}
            yield event({"tool_calls": [part]})
    yield event({}, finish="tool_calls" if completion.functions else "stop")
    if completion.usage:
        yield f"data: {json.dumps({'choices': [], 'usage': completion.usage})}\n\n"
    yield "data: [DONE]\n\n"


def event(delta: dict[str, Any], finish: str | None = None) -> str:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "test",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    model = ModelServer()
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(model.app(), log_config=None, lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve([sock]))
    model.url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1/"
    try:
        await eventually(lambda: server.started)
        yield model
    finally:
        server.should_exit = True
        await serving
