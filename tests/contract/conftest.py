from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock
from tests.redis_server import RedisClock, RedisServer

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/iteira.db"


@pytest.fixture
def clock(store_url: str, request: pytest.FixtureRequest) -> FakeClock:
    if store_url.startswith("redis"):
        return RedisClock(request.getfixturevalue("redis_server"))
    return FakeClock()


@pytest.fixture
async def store(store_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    store = store_from_url(store_url, StoreLimits(inbox=20, per_session=5, session_idle=1800, history=3), clock)
    await store.open()
    yield store
    await store.close()
