"""A copy holds everything that was accepted before it was asked for, and can be put back."""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from server.errors import StoreError, StoreMisplaced
from server.stores.base import Copy
from server.stores.open import backups_of_url
from server.stores.sqlite import schema
from server.stores.sqlite.backup import SQLiteBackup, examined, put_back
from tests.cli.terminal import iteira
from tests.faults.test_the_sqlite_file import opened, said
from tests.limits import limited


async def test_what_was_accepted_before_a_backup_under_load_is_there_after_a_restore(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    accepted: list[str] = []

    async def talk(caller: int) -> None:
        while len(accepted) < 1500:
            accepted.append((await store.accept(said(f"caller-{caller}"))).message_id)

    async with opened(path) as store:
        talking = [asyncio.create_task(talk(caller)) for caller in range(20)]
        copies: list[tuple[list[str], Copy]] = []
        for _ in range(3):
            await asyncio.sleep(0)
            before = list(accepted)
            made = await asyncio.to_thread(SQLiteBackup(path, lambda: len(copies)).make, tmp_path / "copies")
            copies.append((before, made))
        await asyncio.gather(*talking)
        with pytest.raises(StoreError, match="stop every daemon"):
            SQLiteBackup(path).restore(copies[0][1].path)
        assert await store.message(accepted[-1]), "and nothing was changed"
    assert copies[-1][0], "the last copy was made while callers were talking"
    for before, made in copies:
        kept = SQLiteBackup(path).restore(made.path)
        assert kept
        assert kept.exists()
        kept.unlink()
        async with opened(path) as store:
            await store.examine()
            for message_id in before:
                assert await store.message(message_id), message_id


async def test_what_waited_in_a_copy_can_be_claimed_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "iteira.db") as store:
        await store.accept(said())
        made = SQLiteBackup(tmp_path / "iteira.db").make(tmp_path)
    assert (made.messages, made.sessions, made.waiting) == (1, 1, 1)
    SQLiteBackup(tmp_path / "elsewhere" / "iteira.db").restore(made.path)
    async with opened(tmp_path / "elsewhere" / "iteira.db") as store:
        (claim,) = await store.claim("worker", 10, 5)
        assert claim.message.incoming.text == "Привет"


async def test_a_store_is_backed_up_and_restored_whatever_its_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "salon #1? 100%25"
    async with opened(folder / "iteira.db") as store:
        await store.accept(said())
        made = SQLiteBackup(folder / "iteira.db").make(folder / "copies")
    assert made.messages == 1
    assert SQLiteBackup(folder / "iteira.db").restore(made.path)
    assert [each.name for each in folder.parent.iterdir()] == [folder.name], "and nothing is made beside it"


async def test_a_copy_is_one_private_file_and_only_there_when_it_is_whole(tmp_path: Path) -> None:
    async with opened(tmp_path / "iteira.db") as store:
        await store.accept(said())
        made = SQLiteBackup(tmp_path / "iteira.db").make(tmp_path / "copies")
        assert [path.name for path in (tmp_path / "copies").iterdir()] == [made.path.name]
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
        with closing(sqlite3.connect(tmp_path / "copies" / "full.db")) as full:
            full.execute("PRAGMA page_size = 512")
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StoreError, match="file"):
            SQLiteBackup(tmp_path / "iteira.db").make(tmp_path / "file")


@pytest.mark.parametrize("what", ["damaged", "foreign", "newer", "missing", "text"])
async def test_a_copy_that_cannot_be_used_is_refused_and_the_store_left_as_it_is(tmp_path: Path, what: str) -> None:
    path, copy = tmp_path / "iteira.db", tmp_path / "copy.db"
    async with opened(path) as store:
        for number in range(100):
            await store.accept(said(f"caller-{number}"))
        made = SQLiteBackup(path).make(tmp_path)
    made.path.rename(copy)
    if what == "damaged":
        pages = bytearray(copy.read_bytes())
        pages[8192:16_384] = b"\xff" * 8192
        copy.write_bytes(pages)
    elif what == "foreign":
        copy.unlink()
        with closing(sqlite3.connect(copy)) as other:
            other.execute("CREATE TABLE theirs (x)")
    elif what == "newer":
        with closing(sqlite3.connect(copy)) as newer:
            newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    elif what == "missing":
        copy.unlink()
    else:
        copy.write_text("no database")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"copy\.db"):
        SQLiteBackup(path).restore(copy)
    assert path.read_bytes() == before


async def test_a_disk_without_room_for_the_copy_leaves_the_store_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store" / "iteira.db"
    path.parent.mkdir()
    async with opened(path) as store:
        await store.accept(said())
        made = SQLiteBackup(path).make(tmp_path)
    before = path.read_bytes()
    with limited(resource.RLIMIT_FSIZE, made.size - 4096):
        refused = iteira("restore", str(made.path), "--yes", ITEIRA_STORE__URL=f"sqlite:///{path}")
    assert refused.returncode == 1
    assert "File too large" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert [each.name for each in path.parent.iterdir()] == ["iteira.db"]
    assert path.read_bytes() == before


async def test_a_store_that_cannot_be_set_aside_with_all_its_files_is_put_back(tmp_path: Path) -> None:
    # What is beside it has the longest name of all, and too long a one with the moment behind.
    path = tmp_path / "store" / ("i" * 226 + ".db")
    path.parent.mkdir()
    async with opened(tmp_path / "iteira.db") as store:
        await store.accept(said())
        made = SQLiteBackup(tmp_path / "iteira.db").make(tmp_path)
    for suffix in ("", "-shm"):
        path.with_name(path.name + suffix).write_text("damaged" * 1000)
    with pytest.raises(StoreError, match="File name too long"):
        SQLiteBackup(path).restore(made.path)
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, f"{path.name}-shm"]


async def test_only_a_store_that_somebody_has_open_is_said_to_be_in_use(tmp_path: Path) -> None:
    path, killed = tmp_path / "iteira.db", tmp_path / "killed" / "iteira.db"
    killed.parent.mkdir()
    async with opened(path) as store:
        made = SQLiteBackup(path).make(tmp_path)
        for number in range(200):
            await store.accept(said(f"caller-{number}"))
        for name in ("iteira.db", "iteira.db-wal"):
            (killed.parent / name).write_bytes((tmp_path / name).read_bytes())
    with limited(resource.RLIMIT_FSIZE, made.size), pytest.raises(StoreError, match=r"could not be closed: .*disk"):
        SQLiteBackup(killed).restore(made.path)
    assert examined(SQLiteBackup(killed).make(tmp_path / "copies").path).messages == 200


async def test_a_store_that_cannot_be_put_back_is_told_with_the_name_that_it_has_now(tmp_path: Path) -> None:
    path = tmp_path / "iteira.db"
    with pytest.raises(StoreMisplaced, match=r"iteira\.db is .*before-now now"):
        put_back(tmp_path / "gone" / "before-now", path)


@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS)))
async def test_a_copy_of_every_older_version_is_taken_and_brought_up_to_date(tmp_path: Path, version: int) -> None:
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old, isolation_level=None)) as db:
        schema.migrate(db, old, schema.MIGRATIONS[:version])
        db.execute(
            "INSERT INTO sessions (user_id, session_id, created_at, last_activity, conversation_since, available_at)"
            " VALUES ('anna', '1', 1, 1, 1, 1)"
        )
        db.execute(
            "INSERT INTO messages (user_id, session_id, token, text, state, accepted_at, waiting_since, updated_at)"
            " VALUES ('anna', '1', 'token', 'Да', 'accepted', 1, 1, 1)"
        )
    assert examined(old).version == version
    SQLiteBackup(tmp_path / "iteira.db").restore(old)
    async with opened(tmp_path / "iteira.db") as store:
        (claim,) = await store.claim("worker", 10, 5)
        assert claim.message.incoming.text == "Да"
    assert examined(SQLiteBackup(tmp_path / "iteira.db").make(tmp_path).path).version == len(schema.MIGRATIONS)


def test_a_store_that_is_not_there_is_not_backed_up_and_redis_has_a_way_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing to back up"):
        backups_of_url(f"sqlite:///{tmp_path}/iteira.db").make(tmp_path)
    with pytest.raises(StoreError, match=r"docs/operations\.md"):
        backups_of_url("redis://127.0.0.1:6379/0")


def test_the_commands_say_what_they_did_and_keep_only_the_latest_copies(tmp_path: Path) -> None:
    store = {"ITEIRA_STORE__URL": f"sqlite:///{tmp_path}/iteira.db"}

    async def accept() -> None:
        async with opened(tmp_path / "iteira.db") as opened_store:
            await opened_store.accept(said())

    asyncio.run(accept())
    (tmp_path / "copies").mkdir()
    for day in (1, 2, 3):
        (tmp_path / "copies" / f"iteira-2026010{day}T033000Z.db").touch()
    made = json.loads(iteira("backup", str(tmp_path / "copies"), "--keep", "2", "--json", **store).stdout)
    assert (made["messages"], len(made["removed"])) == (1, 2)
    assert sorted(path.name for path in (tmp_path / "copies").iterdir())[0] == "iteira-20260103T033000Z.db"
    unasked = iteira("restore", made["path"], **store)
    assert unasked.returncode == 2
    assert "--yes" in unasked.stderr
    restored = json.loads(iteira("restore", made["path"], "--yes", "--json", **store).stdout)
    assert Path(restored["kept"]).exists()
