"""What staff save is what the next caller hears; nobody restarts or asks for anything."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.daemon import documented, running_daemon, settings_for
from tests.knowledge.hostile.workbooks import a_sheet_of_every_cell
from tests.polling import eventually
from tests.scripted_talkme import ScriptedTalkMe
from tests.workbooks import PRICES, write_workbook

RAISED = [(*row[:2], 53, *row[3:]) if row[0] == "Маникюр классический" else row for row in PRICES]


async def test_a_caller_hears_the_price_that_was_saved_a_moment_ago(
    daemon: httpx.AsyncClient, folder: Path, talkme: ScriptedTalkMe
) -> None:
    async def heard() -> str:
        await daemon.post("/webhook/talkme", json=documented("сколько стоит классический маникюр"))
        return talkme.sent()[-1]

    assert "48 рублей" in await heard()
    write_workbook(folder / "knowledge" / "Прайс.xlsx", RAISED)
    await eventually(heard, lambda text: "53 рубля" in text)


async def test_with_watching_switched_off_files_are_read_when_asked_for(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(folder, talkme.url, knowledge={"watch": False})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        write_workbook(folder / "knowledge" / "Прайс.xlsx", PRICES[:3])
        assert (await client.get("/knowledge-base/status")).json()["documents_count"] == len(PRICES) - 1
        assert (await client.post("/knowledge-base/regenerate")).json()["documents_count"] == 2


async def test_a_file_that_kills_what_reads_it_costs_callers_nothing(
    daemon: httpx.AsyncClient, folder: Path, talkme: ScriptedTalkMe
) -> None:
    async def problems() -> list[str]:
        told: list[str] = (await daemon.get("/knowledge-base/status")).json()["problems"]
        return told

    a_sheet_of_every_cell(folder / "knowledge" / "Акции.xlsx")
    (line,) = await eventually(problems)
    assert line.startswith("Акции.xlsx: cannot be read, the process that tried has died")
    answered = await daemon.post("/webhook/talkme", json=documented("сколько стоит классический маникюр"))
    assert answered.status_code == 200
    assert "48 рублей" in talkme.sent()[-1]
