"""Whatever is put into the knowledge folder costs no more than its limits, and callers nothing."""

from __future__ import annotations

import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors import KnowledgeError
from server.knowledge import contents
from server.knowledge import folder as files
from server.knowledge.bounds import LONGEST, Bounds
from server.knowledge.library import Library
from server.knowledge.reader import Answer
from server.knowledge.reading import Reading
from tests.clock import FakeClock
from tests.workbooks import PRICES, write_workbook

from .hostile import FILES, HARMLESS, SECRET, Hostile
from .hostile.workbooks import a_sheet_of_every_cell, cell, sheet
from .mutations import FORMATS, damaged, example

NARROW = Bounds(memory=128 * 1024**2, documents=2000)
KEY = "key-that-no-parser-needs"


def put(folder: Path, hostile: Hostile) -> str:
    """Writes it, and gives the beginning of what is to be said of it."""
    name, write, _ = hostile
    write(folder / name)
    readable = os.fsencode(name).decode("cp1251") if "\udccf" in name else name
    return f"{readable}: " if name.isprintable() else f"{readable!r}: "


async def test_every_hostile_file_is_named_and_skipped_and_the_others_are_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text(SECRET, encoding="utf-8")
    library = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock(), bounds=NARROW)
    library.open()
    expected = {put(folder, hostile): hostile[2] for hostile in FILES}
    write_workbook(folder / "Ёлка.xlsx", [PRICES[0], ("Дарсонваль", "Уход", 33, None, None)])
    status = await library.regenerate()
    said = {start: [line for line in status.problems if line.startswith(start)] for start in expected}
    assert {start: lines for start, lines in said.items() if len(lines) != 1 or expected[start] not in lines[0]} == {}
    assert len(status.problems) == len(FILES)
    assert (status.files_count, status.documents_count) == (2, len(PRICES))
    assert (await library.search("маникюр")).results
    assert (await library.search("дарсонваль")).results


@pytest.mark.parametrize("hostile", HARMLESS, ids=lambda each: each[0])
def test_what_tricks_come_to_nothing_is_read(tmp_path: Path, hostile: tuple[str, object]) -> None:
    name, write = hostile
    (tmp_path / "outside.txt").write_text(SECRET, encoding="utf-8")
    (tmp_path / "knowledge").mkdir()
    assert callable(write)
    write(tmp_path / "knowledge" / name)
    found = contents.read(tmp_path / "knowledge", [tmp_path / "knowledge" / name], None, NARROW)
    assert found.documents
    assert SECRET not in repr(found)


async def test_a_file_that_became_hostile_keeps_what_was_read_of_it_before(folder: Path, tmp_path: Path) -> None:
    library = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock(), bounds=NARROW)
    before = library.open().documents_count
    a_sheet_of_every_cell(folder / "Цены.xlsx")
    status = await library.regenerate()
    assert status.documents_count == before
    assert [line.endswith("; its earlier content is still used") for line in status.problems] == [True]


def test_a_file_that_takes_too_long_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    write_workbook(tmp_path / "Цены.xlsx")
    with Reading(Bounds(seconds=0.001)) as impatient, pytest.raises(KnowledgeError) as raised:
        impatient.file(tmp_path / "Цены.xlsx", 100)
    assert str(raised.value).startswith("Цены.xlsx: takes longer than 0.001 s to read (knowledge.file_timeout); ")
    with Reading(NARROW) as patient:
        with pytest.raises(KnowledgeError):
            patient.file(tmp_path / "нет.xlsx", 100)
        assert len(patient.file(tmp_path / "Цены.xlsx", 100).documents) == len(PRICES) - 1


def test_a_file_over_the_size_is_not_even_opened(folder: Path) -> None:
    path = folder / "Видео.xlsx"
    with path.open("wb") as file:
        file.truncate(30 * 1024**2)
    reason = files.refused(folder, path, Bounds())
    assert reason == (
        "Видео.xlsx: has 30 MB, more than 20 MB (knowledge.file_size); leave in it only what callers ask about"
    )


def test_the_files_of_a_folder_share_the_room_of_the_index(folder: Path) -> None:
    write_workbook(folder / "Щётки.xlsx", PRICES[:4])
    rows = len(PRICES) - 1
    found = contents.read(folder, files.paths(folder), None, Bounds(documents=rows + 2))
    assert (found.files_count, len(found.documents)) == (1, rows)
    assert found.problems == (
        f"Щётки.xlsx: has 3 rows or pieces of text, and with the files before it only 2 of {rows + 2} "
        "(knowledge.documents) are left; leave in it only what callers ask about",
    )


def test_of_too_many_files_the_first_are_read_and_the_status_says_so(folder: Path) -> None:
    (folder / "0.txt").write_text("Мы в Минске.", encoding="utf-8")
    for number in range(1, 1000):
        (folder / f"{number}.jpg").touch()
    found = contents.read(folder, files.paths(folder), None, Bounds())
    assert (found.files_count, len(found.documents)) == (1, 1)
    assert len(found.problems) == 102
    assert found.problems[-2:] == (
        "899 more files could not be read; mend or remove these first",
        "the knowledge folder has 1001 files, and the first 1000 are read; remove the rest",
    )


def test_what_could_steer_a_terminal_does_not_leave_the_file(tmp_path: Path) -> None:
    path = tmp_path / "Цены.csv"
    path.write_text("Услуга;Цена\n\x1b[2JМаникюр\u202e;4\u200b8\n", encoding="utf-8")
    with Reading(NARROW) as reading:
        (document,) = reading.file(path, 10).documents
    assert (document.text, document.fields) == (
        "Услуга: [2JМаникюр\nЦена: 48",
        (("Услуга", "[2JМаникюр"), ("Цена", "48")),
    )


def test_a_row_that_nobody_could_be_told_is_named_by_its_place(tmp_path: Path) -> None:
    rows = f'<row r="1">{cell("A1", "Цена")}</row><row r="2">{cell("A2", "ы" * LONGEST)}</row>'
    sheet(tmp_path / "Цены.xlsx", f"<sheetData>{rows}</sheetData>")
    with Reading(NARROW) as reading, pytest.raises(KnowledgeError, match=r"^Цены\.xlsx: Услуги!2 has 20006 characters"):
        reading.file(tmp_path / "Цены.xlsx", 10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the environment of a process")
def test_what_parses_has_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    write_workbook(tmp_path / "Цены.xlsx")
    with Reading(NARROW) as reading:
        reading.file(tmp_path / "Цены.xlsx", 10)
        assert reading._process is not None
        assert KEY.encode() not in Path(f"/proc/{reading._process.pid}/environ").read_bytes()


@pytest.fixture(scope="module")
def reading() -> Iterator[Reading]:
    with Reading(Bounds(seconds=10, memory=256 * 1024**2)) as reading:
        yield reading


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ending=st.sampled_from(FORMATS), seed=st.integers(0, 2**32))
def test_a_damaged_file_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, reading: Reading, ending: str, seed: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"повреждён{ending}"
    path.write_bytes(damaged(example(ending), seed))
    said, found = "", Answer()
    try:
        found = reading.file(path, 1000)
    except KnowledgeError as error:
        said = str(error)
    assert not said or (said.startswith(f"повреждён{ending}: ") and "; " in said), "which file, and what to do"
    assert all(document.source == path.name for document in found.documents)


def test_the_mutations_reach_the_parsers_inside_of_archives() -> None:
    whole = zipfile.ZipFile(BytesIO(example(".xlsx")))
    changed = 0
    for seed in range(20):
        with (
            suppress(zipfile.BadZipFile, ValueError, zlib.error),
            zipfile.ZipFile(BytesIO(damaged(example(".xlsx"), seed))) as archive,
        ):
            changed += any(archive.read(name) != whole.read(name) for name in archive.namelist())
    assert changed > 10
