"""Writes that share a transaction: what stands behind them, and what one of them that is refused does to the others."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from server.errors import InboxFull
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


class LetsAnotherIn(sqlite3.Connection):
    """Each time it has undone something, another process is quicker and writes for a moment."""

    other: sqlite3.Connection

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        cursor = super().execute(sql, *parameters)
        if sql == "ROLLBACK":
            self.other.execute("BEGIN IMMEDIATE")
            threading.Timer(0.02, self.other.execute, ["COMMIT"]).start()
        return cursor


async def test_one_refused_write_harms_none_beside_it_though_another_process_comes_between(tmp_path: Path) -> None:
    def connect() -> sqlite3.Connection:
        db = sqlite3.connect(
            tmp_path / "x.db", timeout=0, isolation_level=None, check_same_thread=False, factory=LetsAnotherIn
        )
        db.other = other
        return db

    def refused(db: sqlite3.Connection) -> None:
        raise InboxFull("no room")

    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE written (it)")
        writer = GroupWriter(connect)
        await writer.start()
        writes = [writer.run(lambda db: db.execute("INSERT INTO written VALUES (1)"), brief=True) for _ in range(2)]
        found = await asyncio.gather(*writes, writer.run(refused, brief=True), return_exceptions=True)
        await writer.stop()
        assert [type(each) for each in found] == [sqlite3.Cursor, sqlite3.Cursor, InboxFull]
        assert other.execute("SELECT count(*) FROM written").fetchone() == (2,)
