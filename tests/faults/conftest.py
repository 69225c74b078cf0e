from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.scripted_talkme import ScriptedTalkMe, scripted_talkme
from tests.workbooks import write_workbook


@pytest.fixture
async def talkme() -> AsyncIterator[ScriptedTalkMe]:
    async with scripted_talkme() as talkme:
        yield talkme


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_workbook(tmp_path / "knowledge" / "Прайс.xlsx")
    return tmp_path


@pytest.fixture
def port() -> int:
    """A port that nobody listens on just now."""
    return free_port()
