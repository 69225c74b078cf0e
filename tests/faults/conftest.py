from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
    with socket.create_server(("127.0.0.1", 0)) as sock:
        free: int = sock.getsockname()[1]
        return free
