"""Long dialogs: the older part is summarised while nobody waits, and a prompt never outgrows its budget."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.consultant.base import Inquiry
from server.consultant.calendar import Calendar
from server.consultant.prompt import SYSTEM, Prompt
from server.knowledge.base import Document, Finding, Findings
from server.models import Exchange, Session
from tests.clock import FakeClock
from tests.daemon import documented, running_daemon, settings_for
from tests.model_server import Completion, model_server
from tests.polling import eventually
from tests.scripted_talkme import ScriptedTalkMe

SESSION = Session("anna", "anna", 0, 0, 0)
CLOCK = FakeClock(1_764_081_600)  # 25 November 2025, 17:40 in Minsk


def is_summary(request: dict[str, Any]) -> bool:
    return str(request["messages"][0]["content"]).startswith("Перескажи")


async def test_the_older_part_is_summarised_in_the_background_and_the_transcript_stays_whole(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    async with model_server() as model:
        held = asyncio.Event()
        model.always = lambda request: (
            Completion(["Говорили о ", "маникюре."], until=held) if is_summary(request) else Completion(["Хорошо."])
        )
        agent = {"api_key": "sk-test", "base_url": model.url, "summary_after": 4, "history": 6}
        async with (
            running_daemon(settings_for(folder, talkme.url, agent=agent)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as daemon,
        ):
            for number in range(6):
                await daemon.post("/webhook/talkme", json=documented(f"слова-{number}"))
            assert len(talkme.sent()) == 6, "nobody has waited for the summary"
            held.set()

            async def summarised() -> bool:
                await daemon.post("/webhook/talkme", json=documented("ещё"))
                asked = [request for request in model.requests if not is_summary(request)]
                return "Говорили о маникюре." in str(asked[-1]["messages"][0]["content"])

            await eventually(summarised)
            transcript = (await daemon.get("/webhook/talkme/session/anna")).json()["transcript"]
    (first, *_) = filter(is_summary, model.requests)
    assert "слова-0" in str(first)
    assert "слова-3" not in str(first), "the latest exchanges stay word for word"
    latest = next(request for request in reversed(model.requests) if not is_summary(request))
    assert "слова-0" not in str(latest)
    assert transcript[0]["text"] == "слова-0"


async def test_a_summary_that_cannot_be_had_harms_nothing(folder: Path, talkme: ScriptedTalkMe) -> None:
    async with model_server() as model:
        model.always = lambda request: Completion(status=500) if is_summary(request) else Completion(["Хорошо."])
        agent = {"api_key": "sk-test", "base_url": model.url, "summary_after": 1}
        async with (
            running_daemon(settings_for(folder, talkme.url, agent=agent)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as daemon,
        ):
            for number in range(4):
                await daemon.post("/webhook/talkme", json=documented(f"слова-{number}"))
            await eventually(lambda: any(map(is_summary, model.requests)))
            health = (await daemon.get("/webhook/talkme/health")).json()
    assert talkme.sent() == ["Хорошо."] * 4
    assert health["checks"]["consultant"]["status"] == "ok"


def prompt(tokens: int, template: str | None = None) -> Prompt:
    calendar = Calendar(CLOCK, "Europe/Minsk")
    text = template or SYSTEM.read_text(encoding="utf-8")
    return Prompt(text, calendar, company="Итейра", about="салон", hours="с 9 до 21", tokens=tokens)


def inquiry(exchanges: int, rows: int = 1) -> Inquiry:
    history = tuple(Exchange(f"вопрос {number} " + "а" * 200, f"ответ {number}") for number in range(exchanges))
    found = tuple(Finding(Document(f"строка {number} " + "б" * 900, "", ""), 1.0) for number in range(rows))
    return Inquiry(SESSION, history, "И последнее?", Findings("", 0.9, found))


def test_the_oldest_exchanges_leave_a_prompt_first() -> None:
    whole = [str(message["content"]) for message in prompt(100_000).messages(inquiry(20))]
    short = [str(message["content"]) for message in prompt(3000).messages(inquiry(20))]
    assert len(whole) == 42
    assert 10 < len(short) < 42
    assert sum(map(len, short)) / 2 <= 3000
    assert short[1:] == whole[-len(short) + 1 :]


def test_then_the_rows_that_fit_least() -> None:
    system, *rest = (str(message["content"]) for message in prompt(2500).messages(inquiry(5, rows=5)))
    assert "строка 0" in system
    assert "строка 4" not in system
    assert "И последнее?" in rest[-1]


def test_at_last_the_end_of_the_only_row_that_is_left() -> None:
    long = Finding(Document("начало " + "б" * 20_000 + " конец", "", ""), 1.0)
    asked = replace(inquiry(3), findings=Findings("", 0.9, (long, *inquiry(0, rows=3).findings.results)))
    messages = [str(message["content"]) for message in prompt(2500).messages(asked)]
    assert "начало ббб" in messages[0]
    assert "конец" not in messages[0]
    assert sum(map(len, messages)) / 2 <= 2500


def test_the_prompt_states_the_companys_day_and_hours() -> None:
    (system, *_) = prompt(6000).messages(inquiry(0))
    text = str(system["content"])
    assert "вторник, 25 ноября 2025 года, 17:40" in text
    assert "Часы работы: с 9 до 21." in text


async def test_a_company_may_have_its_own_prompt(folder: Path, talkme: ScriptedTalkMe) -> None:
    own = folder / "own.md"
    own.write_text("Ты — Лев из «$company». Скидка 15 процентов. $knowledge", encoding="utf-8")
    async with model_server() as model:
        model.script.append(Completion(["Сегодня скидка 15 процентов."]))
        agent = {"api_key": "sk-test", "base_url": model.url, "prompt": own}
        async with (
            running_daemon(settings_for(folder, talkme.url, agent=agent)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as daemon,
        ):
            await daemon.post("/webhook/talkme", json=documented("Есть скидки?"))
    assert str(model.requests[0]["messages"][0]["content"]).startswith("Ты — Лев из «Итейра».")
    assert talkme.sent() == ["Сегодня скидка 15 процентов."], "what the company writes is its own word"


@pytest.mark.parametrize("template", ["Ты из $city", "Цена 5$"])
def test_a_prompt_with_a_place_that_nobody_fills_is_refused_at_the_start(template: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        prompt(6000, template)
