"""The least that FastAPI needs to take a message: nobody is asked, nobody is answered."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Text(BaseModel):
    text: str


class Message(BaseModel):
    token: str
    user_id: str
    message: Text


@app.post("/webhook/talkme")
async def webhook(message: Message) -> dict[str, Any]:
    return {"success": True, "message": message.message.text}
