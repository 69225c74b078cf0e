from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.redis_server import RedisServer

# A program that was started in the background ignores Ctrl-C, and so would every program that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.close()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """A real Redis without any data."""
    shared_redis.client.flushall()
    return shared_redis
