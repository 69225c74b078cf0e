"""What staff save in the folder is searched soon after, and never half of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.clock import SystemClock
from server.knowledge.library import Library
from server.knowledge.watcher import Snapshot, Watcher, snapshot
from tests.clock import FakeClock
from tests.polling import eventually
from tests.workbooks import PRICES, write_workbook


class Impatient(SystemClock):
    """Waits for quiet a tenth as long: what is tested is the order of things."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 10)


@asynccontextmanager
async def watched(library: Library, folder: Path) -> AsyncIterator[None]:
    await asyncio.to_thread(library.open)
    watcher = Watcher(folder, library.refresh, Impatient())
    watcher.start()
    try:
        yield
    finally:
        await watcher.stop()


def count(library: Library) -> int:
    return library.status().documents_count


async def test_a_changed_file_is_searched_without_anybody_asking(library: Library, folder: Path) -> None:
    async with watched(library, folder):
        write_workbook(folder / "Ещё.xlsx", [PRICES[0], ("Дарсонваль", "Уход", 33, None, None)])
        await eventually(lambda: count(library) == len(PRICES))
        assert "Дарсонваль" in (await library.search("дарсонваль")).results[0].document.text
        (folder / "Ещё.xlsx").unlink()
        await eventually(lambda: count(library) == len(PRICES) - 1)


async def test_a_folder_that_comes_later_is_found_and_one_that_goes_leaves_what_was_known(tmp_path: Path) -> None:
    folder = tmp_path / "knowledge"
    library = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock())
    async with watched(library, folder):
        write_workbook(folder / "Цены.xlsx")
        await eventually(lambda: count(library) == len(PRICES) - 1)
        folder.rename(tmp_path / "elsewhere")
        await asyncio.sleep(0)
        assert (await library.search("маникюр")).results
        (tmp_path / "elsewhere").rename(folder)
        write_workbook(folder / "Ещё.xlsx", PRICES[:2])
        await eventually(lambda: count(library) == len(PRICES))


async def test_a_file_in_the_middle_of_being_saved_costs_callers_nothing(library: Library, folder: Path) -> None:
    async with watched(library, folder):
        whole = (folder / "Цены.xlsx").read_bytes()
        (folder / "~$Цены.xlsx").write_bytes(b"a lock file")
        (folder / "Цены.xlsx").write_bytes(whole[: len(whole) // 2])
        await eventually(lambda: library.status().problems)
        assert count(library) == len(PRICES) - 1
        (folder / "Цены.xlsx").write_bytes(b"")
        await eventually(lambda: "empty" in library.status().problems[0])
        assert count(library) == len(PRICES) - 1
        (folder / "Цены.xlsx").write_bytes(whole)
        await eventually(lambda: not library.status().problems)


async def test_nothing_is_read_while_the_folder_is_being_written_to(library: Library, folder: Path) -> None:
    library.open()
    clock, read = FakeClock(), asyncio.Event()

    async def refresh() -> None:
        read.set()

    watcher = Watcher(folder, refresh, clock)
    watcher.start()
    for copied in range(3):
        await eventually(lambda: clock.sleepers)
        write_workbook(folder / f"{copied}.xlsx", PRICES[: copied + 2])
        clock.advance(1)
    await eventually(lambda: clock.sleepers)
    assert not read.is_set()
    clock.advance(1)
    await eventually(read.is_set)
    await watcher.stop()


async def test_a_file_whose_name_is_no_text_does_not_end_the_watching(library: Library, folder: Path) -> None:
    async with watched(library, folder):
        write_workbook(folder / os.fsdecode(b"\xcf\xf0\xe0\xe9\xf1.xlsx"))
        await eventually(lambda: any("rename it" in problem for problem in library.status().problems))
        for added in (1, 2):
            write_workbook(folder / f"{added}.xlsx", PRICES[:2])
            await eventually(lambda: count(library), (len(PRICES) - 1 + added).__eq__)


async def test_an_error_of_our_own_does_not_end_the_watching(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[int] = []

    async def refresh() -> None:
        asked.append(len(asked))
        if len(asked) == 1:
            raise ZeroDivisionError

    watcher = Watcher(folder, refresh, Impatient())
    watcher.start()
    await eventually(lambda: asked)
    write_workbook(folder / "Ещё.xlsx")
    await eventually(lambda: len(asked) > 1)
    await watcher.stop()
    assert "ZeroDivisionError" in caplog.text


async def test_a_folder_that_vanishes_while_it_is_looked_at_does_not_end_the_watching(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def vanishing(looked_at: Path) -> Snapshot:
        seen.append(looked_at)
        if len(seen) == 1:
            raise FileNotFoundError(looked_at / "gone")
        return snapshot(looked_at)

    monkeypatch.setattr("server.knowledge.watcher.snapshot", vanishing)
    async with watched(library, folder):
        write_workbook(folder / "Ещё.xlsx", PRICES)
        await eventually(lambda: count(library) > len(PRICES))


async def test_a_rebuild_that_failed_is_told_and_tried_again_though_no_file_changes(
    library: Library, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.knowledge.watcher.LOOK_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr("server.knowledge.watcher.TRY_AGAIN_SECONDS", 0.1)
    index, elsewhere = tmp_path / "index", tmp_path / "elsewhere"
    async with watched(library, folder):
        index.rename(elsewhere)
        index.write_text("no folder")
        write_workbook(folder / "Ещё.xlsx", PRICES)
        await eventually(lambda: any("were not read" in problem for problem in library.status().problems))
        assert (await library.search("маникюр")).results
        index.unlink()
        elsewhere.rename(index)
        await eventually(lambda: count(library) > len(PRICES))
        assert library.status().problems == ()


async def test_a_build_is_broken_off_when_the_process_stops(folder: Path, tmp_path: Path) -> None:
    def close(done: int, total: int) -> None:
        assert done == 0, "it went on"
        library.close()

    library = Library(folder, tmp_path / "index", embedder="e5", clock=FakeClock(), progress=close)
    watcher = Watcher(folder, library.refresh, Impatient())
    watcher.start()
    await eventually(library._closing.is_set)
    await watcher.stop()
    assert not library.status().knowledge_base_exists
