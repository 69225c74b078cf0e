"""What can be wrong with the file, and what the store does about it: it says so, and never overwrites it."""

from __future__ import annotations

import asyncio
import re
import resource
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from server.clock import SystemClock
from server.errors import StoreError
from server.models import Incoming, Outcome, Quota, Received, Reply, State
from server.stores.base import Store, StoreLimits
from server.stores.open import store_from_url
from server.stores.sqlite import dead_letters, figures, inbox, schema, sessions
from server.stores.sqlite.file import StoreFile
from tests.clock import FakeClock
from tests.limits import limited, next_file
from tests.polling import eventually


def said(user: str = "anna") -> Incoming:
    return Incoming(user_id=user, session_id=user, text="Привет", token="token-of-the-salon")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    store = store_from_url(f"sqlite:///{path}", StoreLimits(), SystemClock())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as refused:
        async with opened(path):
            pass
    return str(refused.value)


async def test_messages_outlive_the_process(tmp_path: Path) -> None:
    async with opened(tmp_path / "deep" / "iteira.db") as store:
        accepted = await store.accept(said())
    async with opened(tmp_path / "deep" / "iteira.db") as store:
        assert await store.message(accepted.message_id) is not None


async def test_the_file_is_private(tmp_path: Path) -> None:
    async with opened(tmp_path / "iteira.db"):
        pass
    assert stat.S_IMODE((tmp_path / "iteira.db").stat().st_mode) == 0o600


async def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    path.write_bytes(b"this is no database, but somebody may want it" * 100)
    before = path.read_bytes()
    assert "left as it is" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_file_that_is_only_locked_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "iteira.db"
    monkeypatch.setattr("server.stores.sqlite.file.BUSY_SECONDS", 0.05)
    async with opened(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        said = await refusal(path)
    assert "locked; another program writes to it" in said
    assert "backup" not in said


async def test_a_file_with_damaged_pages_is_found_by_its_examination_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path) as store:
        for number in range(200):
            await store.accept(said(f"caller-{number}"))
    damaged = bytearray(path.read_bytes())
    page = len(damaged) * 3 // 4 // 4096 * 4096
    damaged[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(damaged)
    async with opened(path) as store:
        with pytest.raises(StoreError, match="left as it is"):
            await store.examine()
    assert path.read_bytes() == damaged


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    assert "another program" in await refusal(path)


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    assert "newer iteira" in await refusal(path)


async def test_a_session_is_cleared_though_the_process_can_open_no_more_files(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path) as store:
        await store.accept(said())
        with limited(resource.RLIMIT_NOFILE, next_file()):
            assert await store.clear_session("anna")
        assert "Привет".encode() in path.with_name("iteira.db-wal").read_bytes()
        await store.sweep()
        assert not path.with_name("iteira.db-wal").read_bytes()


async def test_a_place_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "store.url" in await refusal(tmp_path / "file" / "iteira.db")


async def test_a_migration_keeps_what_was_stored_and_happens_once(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path) as store:
        await store.accept(said())
    grown = [*schema.MIGRATIONS, "ALTER TABLE sessions ADD COLUMN mood TEXT;"]
    for _ in range(2):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            schema.migrate(db, path, grown)
            assert db.execute("SELECT user_id, mood FROM sessions").fetchall() == [("anna", None)]


async def test_a_file_of_before_knows_at_once_when_its_messages_came(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, path, schema.MIGRATIONS[:3])
        for at in (7200.0, 7300.0, 10_800.0):
            db.execute(
                "INSERT INTO messages (user_id, session_id, token, text, state, accepted_at, waiting_since, updated_at)"
                " VALUES ('anna', '1', 't', 'Да', 'sent', ?, ?, ?)",
                (at, at, at),
            )
    async with opened(path) as store:
        assert await store.received() == Received(10_800.0, {2: 2, 3: 1})


@pytest.mark.parametrize("number", range(1, len(schema.MIGRATIONS)))
def test_a_migration_only_adds_so_that_an_older_program_goes_on_while_a_newer_one_starts(number: int) -> None:
    script = re.sub(r"--.*", "", schema.MIGRATIONS[number])
    assert not re.search(r"\b(DROP (?!INDEX|TRIGGER)|RENAME|DELETE)\b", script)
    for trigger in re.findall(r"DROP TRIGGER (\w+)", script):
        assert f"CREATE TRIGGER {trigger} " in script, f"an older program relies on what it keeps: {trigger}"
    for column in re.findall(r"ADD COLUMN [^;]+", script):
        assert "NOT NULL" not in column or "DEFAULT" in column, f"an older program does not fill it in: {column}"


async def test_what_an_older_program_still_writes_is_counted_as_before(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path) as store:
        with closing(sqlite3.connect(path)) as older, older:
            for number in range(3):
                older.execute(
                    "INSERT INTO messages (user_id, session_id, token, text, state, accepted_at, waiting_since,"
                    " updated_at) VALUES ('anna', '1', 't', 'Да', 'accepted', ?, 0, 0)",
                    (7200.0 - number,),
                )
            older.execute("UPDATE messages SET state = 'sent' WHERE id = 1")
            older.execute("UPDATE messages SET state = 'failed' WHERE id = 2")
            older.execute("UPDATE messages SET state = 'accepted' WHERE id = 2")
        totals = await store.totals(0.0)
        assert (totals.messages_processed, totals.errors, totals.queue_depth) == (1, 1, 2)
        assert await store.received() == Received(7200.0, {1: 2, 2: 1})


@contextmanager
def prepared(path: Path) -> Iterator[sqlite3.Connection]:
    file = StoreFile(path)
    file.prepare()
    with closing(file.connect()) as db:
        yield db


def statements(db: sqlite3.Connection, *work: Callable[[], object]) -> list[str]:
    """What the work asks of SQLite. What triggers do is not told: it is explained with its cause."""
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    for each in work:
        each()
    db.set_trace_callback(None)
    return [each for each in asked if not each.startswith("--")]


def test_sqlite_makes_no_tables_beside_the_rows_that_a_message_touches(tmp_path: Path) -> None:
    def way(db: sqlite3.Connection) -> None:
        inbox.accept(db, said(), [Quota("per_user", "anna", 10, 60.0)], StoreLimits(), now=1.0)
        [claim] = inbox.claim(db, "worker", 10.0, limit=5, history=10, now=2.0)
        inbox.save_reply(db, claim, Reply("Да", by="openai"), [], now=3.0)
        inbox.finish(db, claim, State.SENT, None, [], now=4.0)

    with prepared(tmp_path / "iteira.db") as db:
        asked = statements(db, lambda: way(db))
        made = {each: [step["opcode"] for step in db.execute(f"EXPLAIN {each}")] for each in asked}
    assert len(made) > 10
    assert [each for each, steps in made.items() if "OpenEphemeral" in steps] == []


def test_what_waits_and_what_is_old_is_found_without_looking_at_all_messages(tmp_path: Path) -> None:
    with prepared(tmp_path / "iteira.db") as db:
        asked = statements(
            db,
            lambda: sessions.totals(db, active_since=0.0),
            lambda: sessions.sweep(db, StoreLimits(), now=1.0),
            lambda: figures.waiting(db, limit=10),
            lambda: inbox.claim(db, "worker", 10.0, limit=5, history=10, now=2.0),
            lambda: dead_letters.dead(db, limit=10, since=None),
        )
        looks = [each for each in asked if "FROM messages" in each and "ORDER BY id DESC LIMIT" not in each]
        plans = {each: [step["detail"] for step in db.execute(f"EXPLAIN QUERY PLAN {each}")] for each in looks}
    assert len(plans) > 4
    whole = re.compile(r"(SCAN|SEARCH) messages$")
    assert [each for each, steps in plans.items() if any(map(whole.match, steps))] == []


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path):
        pass
    broken = [*schema.MIGRATIONS, "ALTER TABLE sessions ADD COLUMN mood TEXT;\nSELECT * FROM nowhere;"]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(db, path, broken)
        assert "mood" not in str(db.execute("SELECT sql FROM sqlite_master").fetchall())
    async with opened(path):
        pass


async def test_two_openers_of_a_new_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path) as first, opened(path) as second:
        accepted = await first.accept(said())
        assert await second.message(accepted.message_id) is not None


async def test_an_outcome_written_by_another_process_reaches_whoever_waits(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path) as intake, opened(path) as worker:
        accepted = await intake.accept(said())
        waiting = asyncio.create_task(intake.outcome(accepted.message_id, 20))
        (claim,) = await worker.claim("w", 10, 1)
        await worker.save_reply(claim, Reply("Да", by="offline"))
        await worker.finish(claim, State.SENT)
        outcome = await waiting
        assert outcome is not None
        assert outcome.state is State.SENT


async def test_outcomes_of_other_processes_are_told_though_one_could_not_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "iteira.db"
    set_reply = "UPDATE messages SET state = 'sent', reply = ? WHERE id = ?"
    newer = '{"text": "Да", "by": "newer", "finish": "A_WAY_TO_END_OF_LATER"}'
    async with opened(path) as store:
        first, second = [(await store.accept(said(user))).message_id for user in ("anna", "boris")]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            unreadable = asyncio.create_task(store.outcome(first, 20))
            other.execute(set_reply, ("damaged", first))
            await eventually(lambda: "our own error" in caplog.text)
            unreadable.cancel()
            waiting = asyncio.create_task(store.outcome(second, 20))
            other.execute(set_reply, (newer, second))
            assert await waiting == Outcome(second, State.SENT)


async def test_whoever_waits_for_work_looks_at_the_end_of_his_wait_what_others_have_left(tmp_path: Path) -> None:
    clock = FakeClock()
    store = store_from_url(f"sqlite:///{tmp_path / 'i.db'}", StoreLimits(), clock)
    await store.open()
    await store.accept(said())
    (dead,) = await store.claim("dead", 10, 1)
    before = clock.sleepers
    waiting = asyncio.create_task(store.claim("living", 10, 1, wait=11))
    await eventually(lambda: clock.sleepers, lambda sleepers: sleepers > before)
    await store.check()  # in whose transaction the lease still holds
    clock.advance(11)
    (taken,) = await waiting
    assert taken.message.id == dead.message.id
    await store.close()


async def test_while_another_program_locks_the_file_nothing_is_accepted_and_afterwards_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "iteira.db"
    monkeypatch.setattr("server.stores.sqlite.writer.BUSY_SECONDS", 0.05)
    async with opened(path) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked"):
                await store.accept(said())
            other.execute("ROLLBACK")
        await store.accept(said())
        assert await store.session("anna") is not None


async def test_many_accepts_at_once_share_flushes(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path) as store:
        await asyncio.gather(*(store.accept(said(f"caller-{number}")) for number in range(500)))
        with closing(sqlite3.connect(path)) as db:
            frames = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
        assert (await store.totals(0)).queue_depth == 500
        assert frames < 500 * 3, "a transaction a message would have written far more pages"


async def test_no_file_is_made_in_place_of_one_that_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    async with opened(path) as store:
        await store.accept(said())
        path.unlink()
        await store.clear_sessions()
    assert not path.exists()
