"""A caller goes on from what was said before, and his words alone would find nothing."""

from __future__ import annotations

import httpx
import pytest

from server.consultant.phrases import WHICH
from server.conversation.query import AGE, APPOINTMENT, OPENING_HOURS, query
from server.models import Exchange
from tests.scripted_talkme import ScriptedTalkMe

SAID = (Exchange("добрый день", "Здравствуйте!"), Exchange("сколько стоит маникюр", "42 рубля."), Exchange("ага", "…"))


@pytest.mark.parametrize(
    "text",
    ["а сколько это стоит", "да", "а для мужчин?", "а в новой боровой", "а просто без покрытия", "а пенсионерам"],
)
def test_words_that_name_nothing_follow_the_last_question_that_did(text: str) -> None:
    assert query(text, SAID) == f"сколько стоит маникюр {text}"


@pytest.mark.parametrize("text", ["это больно", "сколько держится", "а можно беременным", "а с какого возраста"])
def test_a_concern_about_it_is_no_question_for_the_price(text: str) -> None:
    assert query(text, SAID).removesuffix(f" {AGE}") == f"маникюр {text}"


@pytest.mark.parametrize("text", ["последний", "второе", "детский", "а мужской сколько", "оба", "подешевле", "2"])
def test_a_choice_is_searched_for_with_the_question_that_named_the_choices(text: str) -> None:
    named = Exchange("сколько стоит маникюр", f"Маникюр детский — 28 рублей, маникюр мужской — 45 рублей. {WHICH}")
    assert query(text, (named,)) == "сколько стоит маникюр"


def test_what_was_chosen_is_what_the_next_question_goes_on_from() -> None:
    named = Exchange("сколько стоит маникюр", f"Маникюр детский — 28 рублей, маникюр мужской — 45 рублей. {WHICH}")
    chosen = Exchange("второе", "Маникюр мужской — 45 рублей.")
    assert query("сколько по времени", (named, chosen)) == "Маникюр мужской"


def test_what_was_added_to_a_question_belongs_to_it() -> None:
    said = (Exchange("сколько стоит ботокс", "195 рублей."), Exchange("для волос", "189 рублей."))
    assert query("а это долго", said) == "сколько стоит ботокс для волос"


def test_a_correction_is_added_to_the_question_that_it_corrects() -> None:
    said = (Exchange("эпиляция подмышек", "Шугаринг подмышек — 23 рубля."),)
    assert query("лазерная имею в виду", said) == "эпиляция подмышек лазерная"


@pytest.mark.parametrize("text", ["вы завтра работаете", "до скольки вы", "а в воскресенье вы открыты"])
def test_who_asks_whether_it_is_open_asks_for_the_hours(text: str) -> None:
    assert query(text, SAID) == f"{text} {OPENING_HOURS}"


def test_with_the_age_of_a_child_the_age_limits_are_searched_for() -> None:
    assert query("дочке шестнадцать можно ей губы накачать", ()).endswith(AGE)


@pytest.mark.parametrize("text", ["сколько по времени занимает", "а дешевле есть", "это долго?", "сколько минут"])
def test_what_every_row_says_is_not_searched_for_again(text: str) -> None:
    assert query(text, SAID) == "сколько стоит маникюр"


@pytest.mark.parametrize(
    "text", ["а педикюр?", "во сколько вы открываетесь", "у вас есть парковка", "а в новой боровой делаете ботокс"]
)
def test_a_question_of_its_own_is_searched_for_alone(text: str) -> None:
    assert query(text, SAID) == text


def test_at_the_beginning_there_is_nothing_to_go_on_from() -> None:
    assert query("сколько это стоит", ()) == "сколько это стоит"


def test_for_an_appointment_the_way_to_get_one_is_searched_for() -> None:
    assert query("запишите меня на маникюр", SAID).endswith(APPOINTMENT)


def test_the_callers_name_is_not_searched_for() -> None:
    assert query("меня зовут Анна, сколько стоит маникюр", ()) == "сколько стоит маникюр"
    assert query("меня зовут Анна", ()) == "меня зовут Анна"


async def test_a_caller_who_goes_on_hears_about_the_same_service(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    for text in ("сколько стоит педикюр", "а сколько по времени занимает"):
        await daemon.post(
            "/webhook/talkme",
            json={"token": "token-of-the-salon", "user_id": "anna", "message": {"text": text}},
        )
    words = talkme.sent()[-1]
    assert "едикюр аппаратный" in words
    assert "полтора часа" in words
