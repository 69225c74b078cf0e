"""A question without an answer is remembered, shown to the operator, and forgotten when he says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from server.conversation.asked import AskedQuestions
from server.knowledge.base import Findings
from server.models import Question
from server.stores.base import StoreLimits
from server.stores.memory.store import MemoryStore
from tests.clock import FakeClock
from tests.daemon import documented, real, running_daemon, settings_for
from tests.model_server import Completion, model_server
from tests.polling import eventually
from tests.scripted_talkme import ScriptedTalkMe


async def ask(daemon: httpx.AsyncClient, text: str, user: str = "anna") -> None:
    assert (await daemon.post("/webhook/talkme", json=documented(text, user))).status_code == 200


async def remembered(daemon: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await daemon.get("/knowledge-base/questions")).json()["questions"]
        return found

    questions: list[dict[str, Any]] = await eventually(look, lambda found: sum(one["count"] for one in found) == count)
    return questions


async def test_what_was_asked_in_vain_is_a_gap_and_what_was_answered_is_none(daemon: httpx.AsyncClient) -> None:
    await ask(daemon, "Меня зовут Анна, есть ли у вас солярий?")
    await ask(daemon, "солярии у вас есть", user="olga")
    await ask(daemon, "сколько стоит маникюр классический")
    await ask(daemon, "спасибо")
    questions = await remembered(daemon, 3)
    assert {one["text"]: one["answered"] for one in questions} == {
        "есть ли у вас солярий": False,
        "солярии у вас есть": False,
        "сколько стоит маникюр классический": True,
    }
    answer = (await daemon.get("/knowledge-base/gaps")).json()
    assert (answer["total"], answer["gaps"][0]["count"]) == (1, 2)
    assert "анна" not in str(answer).lower()


async def test_a_question_that_the_model_hands_to_a_human_is_a_gap_however_sure_the_search_was(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    async with model_server() as model:
        agent = {"api_key": "sk-for-tests", "base_url": model.url}
        async with (
            running_daemon(settings_for(folder, talkme.url, agent=agent)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
        ):
            model.script.append(Completion(["Соединяю."], [("transfer_to_operator", "{}")]))
            await ask(client, "сколько стоит маникюр классический")
            (question,) = await remembered(client, 1)
    assert not question["answered"]


async def test_gaps_can_be_forgotten_singly_and_all_together(daemon: httpx.AsyncClient) -> None:
    for text in ("есть солярий", "дреды плетёте", "маникюр классический цена"):
        await ask(daemon, text)
    await remembered(daemon, 3)
    gone = await daemon.delete("/knowledge-base/gaps", params={"question": "есть солярий"})
    assert gone.json()["forgotten"] == 1
    assert (await daemon.delete("/knowledge-base/gaps", params={"question": "есть солярий"})).status_code == 404
    assert (await daemon.delete("/knowledge-base/gaps")).json()["forgotten"] == 1
    assert (await daemon.get("/knowledge-base/gaps")).json() == {"total": 0, "gaps": []}
    assert [one["text"] for one in await remembered(daemon, 1)] == ["маникюр классический цена"]


async def test_what_was_asked_last_before_the_daemon_stopped_is_remembered(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    settings = settings_for(folder, talkme.url)
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        await client.post("/webhook/talkme", json=real("есть солярий"))
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        assert (await client.get("/knowledge-base/gaps")).json()["total"] == 1


async def test_what_is_asked_while_questions_are_noted_is_gathered_for_the_next_time() -> None:
    clock, steps = FakeClock(), list[int]()

    class Busy(MemoryStore):
        async def note_questions(self, asked: Sequence[Question]) -> None:
            steps.append(len(asked))
            if len(steps) < 10:
                somebody_asks()

    asked = AskedQuestions(Busy(StoreLimits(), clock), 0.5, clock)

    def somebody_asks() -> None:
        asked.note("anna", "есть солярий", Findings("есть солярий", 0.0), helped=False)

    for _ in range(60):
        somebody_asks()
    await eventually(lambda: clock.sleepers, lambda found: found == 1)
    clock.advance(0.5)
    await eventually(lambda: (steps, clock.sleepers), lambda found: found == ([50, 11], 1))
    await asked.close()
    assert steps == [50, 11, 1]


async def test_questions_that_are_being_noted_when_the_daemon_stops_are_noted_once() -> None:
    clock, held, steps = FakeClock(), asyncio.Event(), list[int]()

    class Slow(MemoryStore):
        async def note_questions(self, asked: Sequence[Question]) -> None:
            await held.wait()
            steps.append(len(asked))

    asked = AskedQuestions(Slow(StoreLimits(), clock), 0.5, clock)
    for _ in range(2):  # the second while the first is being noted
        asked.note("anna", "есть солярий", Findings("есть солярий", 0.0), helped=False)
        clock.advance(0.5)
        await asyncio.sleep(0)
    closing = asyncio.create_task(asked.close())
    await asyncio.sleep(0)
    held.set()
    await closing
    assert steps == [1, 1]
