"""A caller goes on from what was said before, and his words alone would find nothing."""

from __future__ import annotations

import httpx
import pytest

from server.conversation.query import APPOINTMENT, query
from server.models import Exchange
from tests.scripted_talkme import ScriptedTalkMe

SAID = (Exchange("добрый день", "Здравствуйте!"), Exchange("сколько стоит маникюр", "42 рубля."), Exchange("ага", "…"))


@pytest.mark.parametrize(
    "text", ["а сколько это стоит", "да", "а для мужчин?", "а в новой боровой", "это больно", "сколько держится"]
)
def test_words_that_name_nothing_follow_the_last_question_that_did(text: str) -> None:
    assert query(text, SAID) == f"сколько стоит маникюр {text}"


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
