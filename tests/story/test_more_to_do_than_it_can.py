"""A process that has more to do than it can refuses messages until it has caught up, and answers what it has taken."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx

from tests.daemon import documented, running_daemon, settings_for
from tests.polling import eventually
from tests.scripted_talkme import ScriptedTalkMe

WEBHOOK = "/webhook/talkme"


async def hold_up_the_event_loop() -> None:
    while True:
        time.sleep(0.2)  # noqa: ASYNC251 - that it blocks is what it is here for
        await asyncio.sleep(0)


async def test_a_process_that_falls_behind_refuses_until_it_has_caught_up(
    tmp_path: Path, talkme: ScriptedTalkMe
) -> None:
    settings = settings_for(tmp_path, talkme.url, limits={"lag": 0.05})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=60) as callers:
        statuses: list[int] = []

        async def say() -> httpx.Response:
            answer = await callers.post(WEBHOOK, json=documented(user=f"caller-{len(statuses)}"))
            statuses.append(answer.status_code)
            return answer

        assert (await say()).status_code == 200
        busy = asyncio.create_task(hold_up_the_event_loop())
        refused = await eventually(say, lambda answer: answer.status_code == 503)
        assert int(refused.headers["retry-after"]) >= 1
        busy.cancel()
        await eventually(say, lambda answer: answer.status_code == 200)
    assert len(talkme.sent()) == statuses.count(200)
