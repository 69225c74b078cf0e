"""Outcomes as Redis publishes them: whichever process has ended a turn, those who wait for it here are told."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from server.ending import ended
from server.errors import StoreError
from server.models import Outcome, State
from server.stores.redis.connection import Answered
from server.stores.replies import finish_of
from server.stores.waiting import Outcomes

log = logging.getLogger(__name__)

LISTEN_SECONDS = 1.0
"""Of silence, after which outcomes are looked for: a publication may be lost with a connection."""
LOOK_SECONDS = 5.0
"""After which they are looked for though others keep coming."""
RECONNECT_SECONDS = 0.3


class Listener:
    """Listens for as long as it is open, whatever becomes of the connection. Real time on purpose: it is that of the
    connection, which breaks and comes back in no other."""

    def __init__(self, redis: Redis, channel: str, outcomes: Outcomes, look: Callable[[], Awaitable[None]]) -> None:
        """`look` tells `outcomes` what was published while nobody listened."""
        self._redis, self._name, self._outcomes, self._look = redis, channel, outcomes, look

    async def open(self) -> None:
        """Raises `StoreError` where Redis is away."""
        self._channel = await self._subscribed()
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        await ended(self._listening)
        await self._leave()

    async def _listen(self) -> None:
        due = 0.0
        while True:
            try:
                told = await self._channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
                if told:
                    self._outcomes.tell(_published(told["data"]))
                # Nothing is also what a new connection says, which redis-py may make without a word.
                if not told or time.monotonic() >= due:
                    due = time.monotonic() + LOOK_SECONDS
                    await self._look()
            except (RedisError, OSError):
                await self._subscribe_again()
            except StoreError:  # looked for in vain; the channel itself says nothing of the kind
                await asyncio.sleep(RECONNECT_SECONDS)
            except Exception:  # else nobody would be told anything for as long as this process lives
                log.exception("outcomes: our own error")
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _subscribe_again(self) -> None:
        """Until it has succeeded: a channel that was closed can be read from no more."""
        while True:
            await asyncio.sleep(RECONNECT_SECONDS)
            await self._leave()
            with suppress(StoreError):
                self._channel = await self._subscribed()
                return

    async def _subscribed(self) -> PubSub:
        channel = self._redis.pubsub()
        async with Answered():
            await channel.subscribe(self._name)
        return channel

    async def _leave(self) -> None:
        with suppress(RedisError, OSError):
            await self._channel.aclose()  # type: ignore[no-untyped-call]


def _published(text: str) -> Outcome:
    told = json.loads(text)
    return Outcome(told["id"], State(told["state"]), finish_of(told.get("finish")), told.get("reason"))
