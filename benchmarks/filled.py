"""A store with a past: sessions and answered messages, written through the store itself."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from benchmarks.questions import SERVICES, utterance
from server.clock import SystemClock
from server.models import Claim, Event, Incoming, Reply, State
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url

T = TypeVar("T")
TOGETHER = 200


@dataclass
class Shifted(SystemClock):
    """The real clock, but `ago` seconds behind: what is stored by it is as old as that."""

    ago: float

    def now(self) -> float:
        return time.time() - self.ago


async def fill(url: str, users: Sequence[str], exchanges: int, ago: float = 60.0) -> None:
    """Give each user so many answered messages in a conversation that is `ago` seconds old."""
    store = store_from_url(url, StoreLimits(inbox=10 * TOGETHER), Shifted(ago))
    await store.open()
    try:
        for _ in range(exchanges):
            for some in batched(users, TOGETHER):
                await answer(store, some)
    finally:
        await store.close()


async def answer(store: Store, users: Sequence[str]) -> None:
    """One message of each user, from its acceptance to its end."""
    await asyncio.gather(*(store.accept(incoming(user)) for user in users))
    left = len(users)
    while left:
        claims = await store.claim("filler", 60, left)
        await asyncio.gather(*(complete(store, claim) for claim in claims))
        left -= len(claims)


async def complete(store: Store, claim: Claim) -> None:
    at = claim.message.accepted_at
    seen = [Event(at, "claimed"), Event(at, "searched", {"confidence": 0.7}), Event(at, "answered", {"by": "openai"})]
    text = f"Слово про {SERVICES[0]}, " + "слово " * 38 + "и всё."
    await store.save_reply(claim, Reply(text, "openai"), seen)
    await store.finish(claim, State.SENT, timeline=[*seen, Event(at, "sent")])


def incoming(user: str) -> Incoming:
    chance = random.Random(user)
    return Incoming(user_id=user, session_id=user, text=utterance(chance.randrange(20), chance), token=user)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
