"""Pain, age, harm and complaints: no price is an answer to them, and some are for a human."""

from __future__ import annotations

import pytest

from server.consultant.base import TransferToOperator
from tests.story.offline import PHRASES, reply, row

BOTOX = row(Услуга="Ботокс: лоб", Цена="195", Описание="Разглаживает морщины на 4–6 месяцев.")

ABOUT_PAIN = row(Вопрос="Больно ли делать инъекции, ботокс, губы?", Ответ="Наносим обезболивающий крем.")

ABOUT_AGE = row(Вопрос="С какого возраста можно делать процедуры?", Ответ="Инъекции с 18 лет.")

PREGNANT = row(Вопрос="Что можно беременным и кормящим?", Ответ="Маникюр. Инъекции нельзя.")

FOR_PREGNANT = row(Услуга="Массаж для беременных", Цена="81")

SUMMER = row(Вопрос="Можно ли делать лазерную эпиляцию летом?", Ответ="Да, если нет загара.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("а больно", "Наносим обезболивающий крем."),
        ("а можно беременным", "Маникюр. Инъекции нельзя."),
        ("дочке шестнадцать ей можно", "Инъекции с 18 лет."),
        ("со скольки лет", "Инъекции с 18 лет."),
        ("на сколько хватает", "Ботокс: лоб: Разглаживает морщины на 4–6 месяцев."),
        ("а если у меня герпес можно", f"{PHRASES.not_certain} {PHRASES.offer}"),
        ("а летом можно", f"{PHRASES.not_certain} {PHRASES.offer}"),
        ("противопоказания какие", f"{PHRASES.not_certain} {PHRASES.offer}"),
    ],
)
async def test_a_concern_is_never_answered_with_a_price(text: str, words: str) -> None:
    found = [FOR_PREGNANT, BOTOX, SUMMER, ABOUT_AGE, ABOUT_PAIN, PREGNANT]
    assert await reply(text, confidence=0.4, found=found, query=f"ботокс в лоб {text}") == (words, [])


async def test_what_is_said_of_one_treatment_is_no_answer_for_another() -> None:
    found = [SUMMER, ABOUT_PAIN, row(Услуга="Лазерная эпиляция ног", Цена="226")]
    words, _ = await reply("больно ли делать лазерную эпиляцию", confidence=0.9, found=found)
    assert words == f"{PHRASES.not_certain} {PHRASES.offer}"


@pytest.mark.parametrize(
    "text",
    [
        "у меня после ботокса опух глаз что делать",
        "ожог после эпиляции",
        "после вашего укола болит губа",
        "мастер сделала мне маникюр, теперь палец воспалился",
        "вчера делала у вас пилинг, лицо покраснело",
        "болит кожа, ваш мастер делала мне эпиляцию",
        "хочу пожаловаться на мастера",
        "верните деньги",
        "мне волосы испортили",
    ],
)
async def test_trouble_and_complaints_go_to_a_human_at_once(text: str) -> None:
    words, decisions = await reply(text, confidence=0.95)
    assert words == f"{PHRASES.sorry} {PHRASES.transfer}"
    assert [type(decision) for decision in decisions] == [TransferToOperator]


@pytest.mark.parametrize(
    "text",
    [
        "можно ли вернуть деньги за абонемент",
        "массаж от отеков",
        "болит спина, есть массаж",
        "после 40 лет отек под глазами, есть массаж",
        "болит спина, ваш массажист принимает сегодня",
        "у меня аллергия, у вас есть гипоаллергенный гель-лак",
    ],
)
async def test_a_question_that_only_sounds_like_trouble_is_answered(text: str) -> None:
    assert (await reply(text, confidence=0.95))[1] == []


async def test_in_an_emergency_the_ambulance_is_named_first() -> None:
    words, decisions = await reply("вызовите скорую, ей плохо")
    assert words.startswith("Если нужна скорая помощь, звоните 103.")
    assert [type(decision) for decision in decisions] == [TransferToOperator]
