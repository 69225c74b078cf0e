"""Connections to Redis: how long they wait, and what their errors are to us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from server.errors import StoreError

CONNECTIONS = 64
"""Of one process. A command that finds none free waits for one: a full pool must not fail what was accepted."""
ANSWER_SECONDS = 3.0
"""How long one command may take before Redis counts as away; longer than any blocking read of ours."""


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
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 1),
            protocol=2,  # the shapes of answers that Redis 6.2 and Valkey share
        )
    except ValueError as error:
        raise StoreError(f"store.url: {error}") from None
    return Redis.from_pool(pool)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Errors of Redis become `StoreError`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreError(f"Redis: {error or type(error).__name__}") from error
