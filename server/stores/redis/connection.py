"""Connections to Redis: how long they wait, and what their errors are to us."""

from __future__ import annotations

import asyncio
from types import TracebackType

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from server.errors import StoreError

CONNECTIONS = 64
"""Of one process. A command that finds none free waits for one: a full pool must not fail what was accepted."""
ANSWER_SECONDS = 3.0
"""How long commands may take before Redis counts as away; longer than any blocking read of ours."""


def connect(url: str) -> Redis:
    """A client that keeps connections, and tries a command again once where a kept one turns out to be dead.

    Raises `StoreError` for an address that is none.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=ANSWER_SECONDS,
            decode_responses=True,
            socket_timeout=None,  # see `Answered`
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 1),
            protocol=2,  # the shapes of answers that Redis 6.2 and Valkey share
        )
    except ValueError as error:
        raise StoreError(f"store.url: {error}") from None
    return Redis.from_pool(pool)


class Answered:
    """A block whose commands are answered, all of them within `ANSWER_SECONDS`. Leaving it raises `StoreError` where
    they are not, and for errors of Redis.

    redis-py's own limit makes a task for each command, and loses a cancellation that comes as the command goes out
    (`asyncio.wait_for` of Python 3.11): who waits then would wait for ever.
    """

    def __init__(self) -> None:
        self._limit = asyncio.timeout(ANSWER_SECONDS)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise StoreError(f"Redis: no answer within {ANSWER_SECONDS:g} s") from late
        if isinstance(error, RedisError | OSError):
            raise StoreError(f"Redis: {error or type(error).__name__}") from error
