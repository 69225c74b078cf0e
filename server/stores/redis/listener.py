"""Outcomes as Redis publishes them: whichever process has ended a turn, those who wait for it here are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from server.errors import StoreError
from server.models import FinishCode, Outcome, State
from server.stores.waiting import Outcomes

LISTEN_SECONDS = 1.0
"""How often those who wait for outcomes look for themselves: a publication may be lost with a connection."""
RECONNECT_SECONDS = 0.3


class Listener:
    """Listens for as long as it is open, whatever becomes of the connection."""

    def __init__(self, redis: Redis, channel: str, outcomes: Outcomes, look: Callable[[], Awaitable[None]]) -> None:
        """`look` tells `outcomes` what was published while nobody listened."""
        self._redis, self._name, self._outcomes, self._look = redis, channel, outcomes, look
        self._closing = False

    async def open(self) -> None:
        """Raises what redis-py does where Redis is away."""
        self._channel = await self._subscribed()
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        self._closing = True
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        with suppress(RedisError, OSError):
            await self._channel.aclose()  # type: ignore[no-untyped-call]

    async def _listen(self) -> None:
        while not self._closing:  # asked each time: redis-py may swallow a cancellation while it connects
            try:
                told = await self._channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
                if told:
                    self._outcomes.tell(_published(told["data"]))
                else:
                    await self._look()
            except (RedisError, OSError, StoreError):
                await self._subscribe_again()

    async def _subscribe_again(self) -> None:
        """Until it has succeeded: a channel that was closed can be read from no more."""
        while not self._closing:
            await asyncio.sleep(RECONNECT_SECONDS)
            with suppress(RedisError, OSError):
                await self._channel.aclose()  # type: ignore[no-untyped-call]
            with suppress(RedisError, OSError):
                self._channel = await self._subscribed()
                return

    async def _subscribed(self) -> PubSub:
        channel = self._redis.pubsub()
        await channel.subscribe(self._name)
        return channel


def _published(text: str) -> Outcome:
    told = json.loads(text)
    finish = told.get("finish")
    return Outcome(told["id"], State(told["state"]), FinishCode(finish) if finish else None, told.get("reason"))
