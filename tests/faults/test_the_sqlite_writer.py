"""What stands behind the writes of a process, while a transaction is under way that takes its time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from server.stores.sqlite.writer import GroupWriter
from tests.clock import FakeClock
from tests.polling import eventually

never = partial(FakeClock().later, 1.0)
"""An alarm of a clock that stands still."""


class Slow:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, db: sqlite3.Connection) -> None:
        self.begun.set()
        self.go.wait(20)


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[GroupWriter]:
    writer = GroupWriter(
        lambda: sqlite3.connect(tmp_path / "x.db", timeout=0, isolation_level=None, check_same_thread=False)
    )
    await writer.start()
    yield writer
    await writer.stop()


async def test_what_is_withdrawn_while_it_is_being_done_returns_when_that_has_ended(writer: GroupWriter) -> None:
    slow = Slow()
    writing = asyncio.create_task(writer.run(slow))
    behind = asyncio.create_task(writer.run_behind(lambda db: False, never, at_once=True))
    await eventually(slow.begun.is_set)
    writer.withdraw()
    slow.go.set()
    async with asyncio.timeout(10):
        assert not await behind
    await writing


async def test_what_shall_be_done_at_once_is_done_after_the_transaction_that_is_under_way(writer: GroupWriter) -> None:
    slow = Slow()
    writing = asyncio.create_task(writer.run(slow))
    await eventually(slow.begun.is_set)
    behind = asyncio.create_task(writer.run_behind(lambda db: "done", never, at_once=True))
    await asyncio.sleep(0)  # it is asked for
    slow.go.set()
    async with asyncio.timeout(10):
        assert await behind == "done"
    await writing


async def test_what_came_to_something_is_not_lost_when_it_is_withdrawn_meanwhile(writer: GroupWriter) -> None:
    slow = Slow()
    writing = asyncio.create_task(writer.run(slow))
    behind = asyncio.create_task(writer.run_behind(lambda db: "done", never, at_once=True))
    await eventually(slow.begun.is_set)
    writer.withdraw()
    slow.go.set()
    async with asyncio.timeout(10):
        assert await behind == "done"
    await writing
