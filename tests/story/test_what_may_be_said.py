"""The guard: what comes from nowhere is not spoken, whoever asks for it and however."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.consultant.base import Inquiry
from server.consultant.guard import Guard
from server.consultant.phrases import Phrases
from server.knowledge.base import Document, Finding, Findings
from server.models import Exchange, Session
from tests.daemon import documented, running_daemon, settings_for
from tests.model_server import Completion, model_server
from tests.scripted_talkme import ScriptedTalkMe
from tests.story.attacks import OBEYED

PHRASES = Phrases("Здравствуйте! Это «Итейра».", "До свидания!")
ROW = (("Услуга", "Маникюр классический"), ("Цена", "48"), ("Длительность", "90 мин."), ("Вечерний тариф", "63"))
ADDRESS = "Ждём вас в Минске на улице Козлова, дом 5, телефон +375 29 123-45-67, сайт iteira.by."


def objection(answer: str, asked: str = "Сколько стоит?", replies: Sequence[str] = (), phone: str | None = None) -> Any:
    """The kind of objection to an answer, after a question and with what had been found for it."""
    row = Document("\n".join(f"{name}: {value}" for name, value in ROW), "Прайс.xlsx", "Услуги!2", ROW)
    text = Document(ADDRESS, "О компании.md", "Где мы")
    findings = Findings(asked, 0.9, (Finding(row, 1.0), Finding(text, 0.5)))
    session = Session("anna", "anna", 0, 0, 0, phone_number=phone)
    history = tuple(Exchange("…", reply) for reply in replies)
    checked = Guard(["Итейра, открыты с 9 до 21"]).over(
        Inquiry(session, history, asked, findings), datetime(2026, 11, 25)
    )
    found = checked.objection(answer)
    return found and found.kind


@pytest.mark.parametrize(
    "answer",
    [
        "Маникюр классический — 48 рублей, полтора часа.",
        "Сорок восемь рублей, и займёт это 1 час 30 минут.",
        "Это стоит сорок восемь.",
        "Вечером маникюр стоит 63 рубля.",
        "Мы на улице Козлова, дом 5.",
        "Телефон плюс 375 29 123 45 67.",
        "Наш сайт iteira.by.",
        "Мы открыты до двадцати одного часа.",
        "Сегодня 25 число.",
        "Есть два варианта, один из них подойдёт.",
        "Спасибо за звонок!",
        "Цена зависит от площади рисунка.",
        "Большая площадь рисунка или небольшая площадь, всё решает мастер.",
        "Если ваша собака боится, мы подождём.",
    ],
)
def test_what_stands_in_rows_and_settings_may_be_said(answer: str) -> None:
    assert objection(answer) is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("Маникюр стоит 49 рублей.", "price"),
        ("Маникюр стоит сорок девять.", "price"),
        ("Маникюр стоит 90 рублей.", "price"),
        ("Маникюр от тридцати до сорока восьми рублей.", "price"),
        ("Скидка 10%.", "price"),
        ("Это 48 долларов.", "price"),
        ("Для вас бесплатно.", "free"),
        ("Звоните +375 29 765-43-21.", "phone"),
        ("Мы на улице Ленина.", "address"),
        ("Мы на Немигской улице.", "address"),
        ("Мы на площади Победы.", "address"),
        ("Мы на Октябрьской площади.", "address"),
        ("Смотрите evil.com.", "link"),
        ("Пишите на pay собака салон.", "link"),
        ("Пишите на зло собака evil точка бай.", "link"),
        ("Пишите на зло собака яндекс.", "link"),
        ("Пишите на a@b.by.", "link"),
        ("У нас 12 салонов.", "number"),
        ("Процедура длится 40 минут.", "number"),
    ],
)
def test_what_stands_nowhere_may_not(answer: str, kind: str) -> None:
    assert objection(answer) == kind


def test_a_price_may_be_said_again_but_not_taken_from_the_caller() -> None:
    assert objection("Да, 33 рубля.", asked="33 рубля?", replies=["Педикюр — 33 рубля."]) is None
    assert objection("Да, 33 рубля.", asked="это же 33 рубля?") == "price"


def test_the_callers_own_number_may_be_read_back_to_him_but_not_passed_off_as_the_companys() -> None:
    asked = "запишите мой номер 8029 765 43 21"
    assert objection("Ваш номер 8 029 765 43 21, верно?", asked=asked) is None
    assert objection("Ваш номер плюс 375 29 765 43 21, верно?", phone="+375297654321") is None
    assert objection("Звоните в салон: 8 029 765 43 21.", asked=asked) == "phone"
    assert objection("Телефон салона 8 029 765 43 21.", replies=["Ваш номер 8 029 765 43 21."], asked=asked) == "phone"


def test_there_are_enough_attempts_in_both_languages() -> None:
    assert len(OBEYED) >= 40
    assert sum(attack.isascii() for attack, _ in OBEYED) >= 8


@pytest.mark.parametrize("mode", ["whole", "sentences"])
async def test_a_model_that_obeys_an_injection_is_not_heard(folder: Path, talkme: ScriptedTalkMe, mode: str) -> None:
    async with model_server() as model:
        agent = {"api_key": "sk-test", "base_url": model.url, "reply_mode": mode}
        async with (
            running_daemon(settings_for(folder, talkme.url, agent=agent)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as daemon,
        ):
            heard = {}
            for number, (attack, obeyed) in enumerate(OBEYED):
                model.always = lambda _, obeyed=obeyed: Completion(["Конечно. ", obeyed])
                already = len(talkme.sent())
                answer = await daemon.post("/webhook/talkme", json=documented(attack, f"caller-{number}"))
                assert answer.status_code == 200
                heard[attack] = talkme.sent()[already:]
            timeline = await events(daemon, "caller-0")
    kept = ["Конечно.", PHRASES.safe] if mode == "sentences" else [PHRASES.safe]
    assert {attack: words for attack, words in heard.items() if words != kept} == {}
    assert len(model.requests) == 2 * len(OBEYED), "one regeneration each"
    assert [event["details"]["action"] for event in timeline if event["event"] == "guard"] == [
        "asked again",
        "safe sentence",
    ]


async def test_the_offline_consultant_obeys_nobody(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    for number, (attack, _) in enumerate(OBEYED):
        assert (await daemon.post("/webhook/talkme", json=documented(attack, f"caller-{number}"))).status_code == 200
    invented = [words for words in talkme.sent() if any(obeyed.rstrip(".") in words for _, obeyed in OBEYED)]
    digits = {word for words in talkme.sent() for word in words.replace(".", " ").split() if word.isdigit()}
    assert invented == []
    assert digits <= {"48", "1", "60", "103"}, "nothing but what stands in the price list"


@pytest.mark.parametrize("mode", ["whole", "sentences"])
async def test_a_second_attempt_that_stays_with_the_rows_is_spoken(
    folder: Path, talkme: ScriptedTalkMe, mode: str
) -> None:
    async with model_server() as model:
        model.script.extend([Completion(["Да. ", "Это 7 рублей."]), Completion(["Это 48 рублей."])])
        agent = {"api_key": "sk-test", "base_url": model.url, "reply_mode": mode}
        async with (
            running_daemon(settings_for(folder, talkme.url, agent=agent)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as daemon,
        ):
            await daemon.post("/webhook/talkme", json=documented("Сколько стоит классический маникюр?"))
    complaint = model.requests[1]["messages"][-1]["content"]
    assert "7" in complaint
    if mode == "sentences":
        assert talkme.sent() == ["Да.", "Это 48 рублей."]
        assert "«Да.»" in complaint
    else:
        assert talkme.sent() == ["Это 48 рублей."]


async def events(daemon: httpx.AsyncClient, user: str) -> list[dict[str, Any]]:
    session = (await daemon.get(f"/webhook/talkme/session/{user}")).json()
    timeline: list[dict[str, Any]] = session["transcript"][0]["timeline"]
    return timeline
