from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.daemon import running_daemon, settings_for
from tests.scripted_talkme import ScriptedTalkMe, scripted_talkme
from tests.workbooks import write_workbook


@pytest.fixture
async def talkme() -> AsyncIterator[ScriptedTalkMe]:
    async with scripted_talkme() as talkme:
        yield talkme


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A company's folder with a small price list."""
    write_workbook(tmp_path / "knowledge" / "Прайс.xlsx")
    return tmp_path


@pytest.fixture
async def daemon(folder: Path, talkme: ScriptedTalkMe) -> AsyncIterator[httpx.AsyncClient]:
    """A daemon with everything as delivered, answering through `talkme`."""
    async with (
        running_daemon(settings_for(folder, talkme.url)) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client
