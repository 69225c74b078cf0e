from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/iteira.db"


@pytest.fixture
async def store(store_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    store = store_from_url(store_url, StoreLimits(inbox=20, session_idle=1800, history=3), clock)
    await store.open()
    yield store
    await store.close()
