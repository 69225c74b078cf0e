"""Blocking calls in an async handler: FastAPI and requests. While one caller waits for the model, all others do."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from typing import Any

import requests
from fastapi import FastAPI
from pydantic import BaseModel

TALKME, MODEL = os.environ["BASE_URL_TALKME"], os.environ["OPENAI_BASE_URL"]
app = FastAPI()
histories: defaultdict[str, list[dict[str, str]]] = defaultdict(list)


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
    requests.post(f"{TALKME}customBot/simulateTyping", json={"ttl": 15}, headers=headers, timeout=10)
    history = histories[message.user_id]
    history.append({"role": "user", "content": message.message.text})
    question: dict[str, Any] = {"model": "m", "messages": history, "stream": True}
    text = ""
    with requests.post(f"{MODEL}chat/completions", json=question, stream=True, timeout=30) as stream:
        for line in stream.iter_lines():
            if line.startswith(b"data: {"):
                text += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    history.append({"role": "assistant", "content": text})
    requests.post(f"{TALKME}customBot/send", json={"content": {"text": text}}, headers=headers, timeout=10)
    return {"success": True, "message": "Сообщение отправлено"}
