"""A task queue, as its documentation shows it: FastAPI puts the message into Redis, a SAQ worker answers it.

Nothing is lost while the worker is down, since the webhook is answered when Redis has the message. The messages of one
caller are worked on at the same time: there is no order. `saq benchmarks.references.task_queue.settings` is the worker.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from openai import AsyncOpenAI
from pydantic import BaseModel
from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

# redis-py's own pool ends at 100 connections, and raises then: each of the worker's tasks waits on one.
queue = RedisQueue(Redis.from_url(os.environ["REDIS_URL"], max_connections=1000))
talkme = httpx.AsyncClient(base_url=os.environ["BASE_URL_TALKME"], timeout=10)
model = AsyncOpenAI(api_key="sk-bench", base_url=os.environ["OPENAI_BASE_URL"])


class Text(BaseModel):
    text: str


class Message(BaseModel):
    token: str
    user_id: str
    message: Text


async def answer(_: object, *, token: str, user_id: str, text: str) -> None:
    headers = {"X-Token": token}
    await talkme.post("customBot/simulateTyping", json={"ttl": 15}, headers=headers)
    stream = await model.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], stream=True)
    said = ""
    async for chunk in stream:
        said += chunk.choices[0].delta.content or ""
    await talkme.post("customBot/send", json={"content": {"text": said}}, headers=headers)


settings = {"queue": queue, "functions": [answer], "concurrency": 100}


@asynccontextmanager
async def life(_: FastAPI) -> AsyncIterator[None]:
    await queue.connect()
    yield
    await queue.disconnect()


app = FastAPI(lifespan=life)


@app.get("/webhook/talkme/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/webhook/talkme")
async def webhook(message: Message) -> dict[str, Any]:
    await queue.enqueue("answer", token=message.token, user_id=message.user_id, text=message.message.text, timeout=60)
    return {"success": True, "message": "Сообщение принято"}
