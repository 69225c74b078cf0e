"""The steps of a message's way that the stories of the suite are told in."""

from __future__ import annotations

from server.models import Claim, FinishCode, Incoming, Message, Reply, State
from server.stores.base import Store

LEASE = 10.0
"""Seconds."""


def said(text: str = "Привет", user: str = "anna", **fields: str) -> Incoming:
    return Incoming(user_id=user, session_id="3120", text=text, token="token-of-the-salon", **fields)


async def claim_one(store: Store, worker: str = "w1") -> Claim:
    (claim,) = await store.claim(worker, LEASE, 1)
    return claim


async def answer(store: Store, text: str = "Здравствуйте!", finish: FinishCode | None = None) -> Claim:
    claim = await claim_one(store)
    await store.save_reply(claim, Reply(text, by="offline", finish=finish))
    await store.finish(claim, State.SENT)
    return claim


async def stored(store: Store, message_id: str) -> Message:
    message = await store.message(message_id)
    assert message is not None
    return message
