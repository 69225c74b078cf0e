"""As one writes it in a day: FastAPI, httpx and the openai client. In memory, without order or durability."""

from __future__ import annotations

import os
from typing import Any

import httpx
from fastapi import FastAPI
from openai import AsyncOpenAI
from pydantic import BaseModel

app = FastAPI()
talkme = httpx.AsyncClient(base_url=os.environ["BASE_URL_TALKME"], timeout=10)
model = AsyncOpenAI(api_key="sk-bench", base_url=os.environ["OPENAI_BASE_URL"])


class Text(BaseModel):
    text: str


class Message(BaseModel):
    token: str
    user_id: str
    message: Text


@app.get("/webhook/talkme/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/webhook/talkme")
async def webhook(message: Message) -> dict[str, Any]:
    headers = {"X-Token": message.token}
    await talkme.post("customBot/simulateTyping", json={"ttl": 15}, headers=headers)
    stream = await model.chat.completions.create(
        model="m", messages=[{"role": "user", "content": message.message.text}], stream=True
    )
    text = ""
    async for chunk in stream:
        text += chunk.choices[0].delta.content or ""
    await talkme.post("customBot/send", json={"content": {"text": text}}, headers=headers)
    return {"success": True, "message": "Сообщение отправлено"}
