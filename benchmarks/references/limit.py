"""The practical limit: bare ASGI, orjson, aiohttp, a hand-parsed stream. Nothing is durable, ordered or checked."""

from __future__ import annotations

import os
from typing import Any

import aiohttp
import orjson

TALKME, MODEL = os.environ["BASE_URL_TALKME"], os.environ["OPENAI_BASE_URL"]
ANSWER = orjson.dumps({"success": True, "message": "Сообщение отправлено"})
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
_session: list[aiohttp.ClientSession] = []


def session() -> aiohttp.ClientSession:
    if not _session:
        _session.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    return _session[0]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    message = orjson.loads(body) if body else {}
    if "token" in message:
        await answer(message)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


async def answer(message: dict[str, Any]) -> None:
    headers = {"X-Token": message["token"], "Content-Type": "application/json"}
    async with session().post(f"{TALKME}customBot/simulateTyping", data=b'{"ttl":15}', headers=headers) as typing:
        await typing.read()
    question = {
        "model": "m",
        "stream": True,
        "messages": [{"role": "system", "content": "…"}, {"role": "user", "content": message["message"]["text"]}],
    }
    text = ""
    async with session().post(
        f"{MODEL}chat/completions", data=orjson.dumps(question), headers={"Content-Type": "application/json"}
    ) as stream:
        async for line in stream.content:
            if line.startswith(b"data: {"):
                text += orjson.loads(line[6:])["choices"][0]["delta"].get("content", "")
    async with session().post(
        f"{TALKME}customBot/send", data=orjson.dumps({"content": {"text": text}}), headers=headers
    ) as sent:
        await sent.read()
