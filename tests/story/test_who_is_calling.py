"""Callers: what they want with their first words, what they say of themselves, and how they are greeted again."""

from __future__ import annotations

from pathlib import Path

import httpx
import phonenumbers
import pytest

from server.consultant.callers import Himself, said_of_himself
from server.consultant.intents import Intent, intent
from tests.daemon import documented, running_daemon, settings_for
from tests.model_server import Completion, model_server
from tests.scripted_talkme import ScriptedTalkMe
from tests.story.openings import MEANT


def test_first_words_are_understood() -> None:
    heard = {text: (meant, intent(text)) for meant, texts in MEANT.items() for text in texts}
    assert {text: meant for text, meant in heard.items() if meant[0] is not meant[1]} == {}


@pytest.mark.parametrize(
    ("text", "name", "gender"),
    [
        ("это Сергей звонит", "Сергей", "male"),
        ("я Марина", "Марина", "female"),
        ("Иван Петрович", "Иван", "male"),
        ("Здравствуйте, Ольга Викторовна беспокоит", "Ольга", "female"),
        ("с вами говорит Дмитрий", "Дмитрий", "male"),
        ("меня Настя зовут", "Настя", "female"),
        ("меня зовут Ольга Иванова", "Ольга", "female"),
        ("Петрова Ирина", "Ирина", "female"),
        ("меня зовут Сергеем", "Сергей", "male"),
        ("это Саша", "Саша", None),
        ("Саша Петровна", "Саша", "female"),
        ("это Саша, хотела записаться", "Саша", "female"),
        ("я Марина хочу на стрижку", "Марина", "female"),
        ("можно просто Таня", "Таня", "female"),
        ("я хочу записаться", None, None),
        ("я хотела бы записаться", None, "female"),
        ("хотел узнать цену", None, "male"),
        ("добрый день, звонила вам вчера", None, "female"),
        ("я уже второй раз не дозвонился", None, "male"),
        ("моя жена хотела записаться", None, None),
        ("я думаю мастер забыла про меня", None, None),
        ("это дорого", None, None),
        ("это Ирина работает сегодня?", None, None),
        ("а Ирина завтра будет?", None, None),
        ("мне Ольга говорила", None, None),
        ("моя подруга Ирина советовала", None, None),
        ("любовь", None, None),
        ("как меня зовут, помните?", None, None),
        ("мое имя должно быть в базе", None, None),
        ("мое имя указано в договоре", None, None),
        ("мое имя указано", None, None),
        ("меня зовут друзья на свадьбу", None, None),
        ("меня зовут Дармидонтыч, хочу на стрижку", "Дармидонтыч", "male"),
        ("меня зовут Иванова, хочу на стрижку", "Иванова", None),
        ("меня зовут Солнышко", "Солнышко", None),
    ],
)
def test_name_and_gender_are_what_the_caller_says_of_himself(text: str, name: str | None, gender: str | None) -> None:
    assert said_of_himself(text, "BY") == Himself(name, gender)


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("запишите плюс 375 29 123 45 67", "+375291234567"),
        ("мой номер 80291234567", "+375291234567"),
        ("8 (029) 123-45-67", "+375291234567"),
        ("двадцать девять сто двадцать три сорок пять шестьдесят семь", "+375291234567"),
        ("восемь ноль двадцать девять сто двадцать три сорок пять шестьдесят семь", "+375291234567"),
        ("на завтра на 5 80291234567 это мой", "+375291234567"),
        ("плюс семь девятьсот двенадцать триста сорок пять шестьдесят семь восемьдесят девять", "+79123456789"),
        ("в 10 30 или в 12 45", None),
        ("1 200 000 рублей", None),
        ("маникюр 48 педикюр 68", None),
    ],
)
def test_a_dictated_number_becomes_e164(text: str, phone: str | None) -> None:
    assert said_of_himself(text, "BY").phone == phone


def test_numbers_without_end_are_not_all_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[str]()

    def parse(digits: str, region: str) -> phonenumbers.PhoneNumber:
        tried.append(digits)
        raise phonenumbers.NumberParseException(0, "none")

    monkeypatch.setattr(phonenumbers, "parse", parse)
    assert said_of_himself("1, " * 1333, "BY").phone is None
    assert 0 < len(tried) <= 400


@pytest.mark.parametrize("at", ["beginning", "end"])
def test_what_is_meant_is_heard_at_both_ends_of_a_long_speech(at: str) -> None:
    wish, speech = "соедините с оператором", "когда придет автобус " * 150
    assert intent(f"{wish} {speech}" if at == "beginning" else f"{speech} {wish}") is Intent.OPERATOR


async def test_what_the_caller_says_of_himself_is_in_session_stats_and_prompt(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    async with model_server() as model:
        model.script.append(Completion(["Здравствуйте!"]))
        agent = {"api_key": "sk-test", "base_url": model.url}
        async with (
            running_daemon(settings_for(folder, talkme.url, agent=agent)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as daemon,
        ):
            text = "Это Марина, мой номер восемь ноль двадцать девять сто двадцать три сорок пять шестьдесят семь"
            await daemon.post("/webhook/talkme", json=documented(text))
            session = (await daemon.get("/webhook/talkme/session/anna")).json()
            (active,) = (await daemon.get("/webhook/talkme/stats")).json()["active_sessions_details"]
    known = ("Марина", "+375291234567")
    assert (session["client_name"], session["phone_number"]) == known
    assert session["gender"] == "female"
    assert (active["client_name"], active["phone_number"]) == known
    system = model.requests[0]["messages"][0]["content"]
    assert all(part in system for part in (*known, "женщина"))


async def test_the_number_of_the_call_stays_what_talkme_says(daemon: httpx.AsyncClient) -> None:
    client = {"clientId": "anna", "phone": "+375297654321"}
    await daemon.post("/webhook/talkme", json=documented("мой номер 80291234567", client=client))
    session = (await daemon.get("/webhook/talkme/session/anna")).json()
    assert session["phone_number"] == "+375297654321"


@pytest.mark.parametrize("user", ["anna", "another-id"])
async def test_who_calls_again_is_greeted_by_name_and_not_reminded_of_anything(
    folder: Path, talkme: ScriptedTalkMe, user: str
) -> None:
    async with (
        running_daemon(settings_for(folder, talkme.url)) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as daemon,
    ):
        first = {"clientId": "anna", "phone": "+375291234567"}
        await daemon.post("/webhook/talkme", json=documented("Меня зовут Анна", client=first))
        await daemon.post("/webhook/talkme", json=documented("До свидания", client=first))
        again = {"clientId": user, "phone": "+375291234567"}
        await daemon.post("/webhook/talkme", json=documented("Здравствуйте", user, client=again))
        session = (await daemon.get(f"/webhook/talkme/session/{user}")).json()
    assert talkme.sent()[-1] == (
        "Здравствуйте, Анна! Это «Итейра», сеть салонов красоты и клиника косметологии. Чем могу помочь?"
    )
    assert (session["client_name"], session["gender"]) == ("Анна", "female")


async def test_a_number_that_somebody_dictated_does_not_give_him_anothers_name(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    client = {"clientId": "anna", "phone": "+375291234567"}
    await daemon.post("/webhook/talkme", json=documented("Меня зовут Анна", client=client))
    await daemon.post("/webhook/talkme", json=documented("мой номер 80291234567", "stranger"))
    await daemon.post("/webhook/talkme", json=documented("Здравствуйте", "stranger"))
    assert not any("Анна" in words for words in talkme.sent()[1:])
