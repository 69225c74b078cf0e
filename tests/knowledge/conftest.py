from __future__ import annotations

from pathlib import Path

import pytest

from server.knowledge.library import Library
from tests.clock import FakeClock
from tests.workbooks import write_workbook

SHIPPED = Path(__file__).parents[2] / "knowledge"


@pytest.fixture(scope="session")
def shipped_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the index of the shipped files is kept: made once, since embedding them takes a while."""
    return tmp_path_factory.mktemp("shipped")


@pytest.fixture(scope="module", params=["e5", "none"])
def shipped(request: pytest.FixtureRequest, shipped_index: Path) -> Library:
    """The shipped files, opened."""
    library = Library(SHIPPED, shipped_index, embedder=request.param, clock=FakeClock())
    library.open()
    return library


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A knowledge folder with one small price list."""
    return write_workbook(tmp_path / "knowledge" / "Цены.xlsx").parent


@pytest.fixture
def library(folder: Path, tmp_path: Path, clock: FakeClock) -> Library:
    """Not opened yet; searches words alone."""
    return Library(folder, tmp_path / "index", embedder="none", clock=clock)
