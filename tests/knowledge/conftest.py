from __future__ import annotations

from pathlib import Path

import pytest

from server.knowledge.library import Library
from tests.clock import FakeClock
from tests.workbooks import write_workbook


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
