"""A knowledge folder with folders in it: two branches of a company may both have their «Цены.csv»."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from server.knowledge.library import Library
from tests.clock import FakeClock

PRICES = "Услуга;Цена\nМаникюр;{price}\nПедикюр;70\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of two branches, with files of the same names."""
    folder = tmp_path / "knowledge"
    for branch, price, said in (("brest", 40, "коготки"), ("minsk", 50, "ноготочки")):
        (folder / branch).mkdir(parents=True)
        (folder / branch / "Цены.csv").write_text(PRICES.format(price=price), encoding="utf-8")
        (folder / branch / "синонимы.txt").write_text(f"маникюр = {said}\n", encoding="utf-8")
    return folder


async def test_what_is_found_says_in_which_folder(library: Library) -> None:
    library.open()
    found = await library.search("Сколько стоит маникюр?")
    assert {finding.document.source for finding in found.results} == {"brest/Цены.csv", "minsk/Цены.csv"}


async def test_of_two_files_of_one_name_the_one_that_breaks_keeps_its_own_content(
    library: Library, folder: Path
) -> None:
    before = library.open()
    (folder / "brest" / "Цены.csv").write_bytes(b"")
    after = await library.regenerate()
    assert after.documents_count == before.documents_count == 4
    prices = [finding.document.fields[1][1] for finding in (await library.search("маникюр", 2)).results]
    assert sorted(prices) == ["40", "50"]


async def test_synonyms_that_cannot_be_read_leave_those_of_another_folder_as_they_are_now(
    library: Library, folder: Path
) -> None:
    library.open()
    (folder / "brest" / "синонимы.txt").write_bytes(b"")
    (folder / "minsk" / "синонимы.txt").write_text("маникюр = лапки\n", encoding="utf-8")
    await library.regenerate()
    assert [library.understood(word) for word in ("коготки", "лапки", "ноготочки")] == [
        "коготки маникюр",
        "лапки маникюр",
        "ноготочки",
    ]


def test_a_folder_whose_name_cannot_be_shown_is_named(library: Library, folder: Path) -> None:
    (folder / "brest").rename(folder / "бр\nест")
    assert library.open().documents_count == 2
    assert library.status().problems[0].startswith("'бр\\nест/Цены.csv': has characters in its name that cannot be sh")


def as_before(saved: Path) -> None:
    """Bring an index to the form in which files were known by their names alone."""
    with np.load(saved) as archive:
        parts = dict(archive)
    contents = json.loads(parts["contents"].tobytes())
    contents["format"] = 6
    for synonym in contents["found"]["synonyms"]:
        del synonym["source"]
    parts["contents"] = np.frombuffer(json.dumps(contents).encode(), np.uint8)
    np.savez(saved, **parts)


def test_an_index_that_the_version_before_has_saved_is_built_anew(folder: Path, tmp_path: Path) -> None:
    Library(folder, tmp_path / "index", embedder="none", clock=FakeClock()).open()
    (saved,) = (tmp_path / "index").glob("*.npz")
    as_before(saved)
    again = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock(2e9))
    assert again.open().updated_at == 2e9
