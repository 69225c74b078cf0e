"""Many services fit what a caller says: which are told, alone or together, and how he chooses among them."""

from __future__ import annotations

import pytest

from tests.story.offline import PEDICURES, PHRASES, reply, row


@pytest.mark.parametrize(
    ("text", "query", "words"),
    [
        ("сколько стоит педикюр", None, "Педикюр классический — 68 рублей, педикюр мужской — 72 рубля. "),
        ("педикюр", None, "Педикюр классический — 68 рублей, педикюр мужской — 72 рубля. "),
        ("долго?", "педикюр", "Педикюр классический — 1 час 10 минут, педикюр мужской — полтора часа. "),
    ],
)
async def test_services_that_fit_equally_well_are_named_together(text: str, query: str | None, words: str) -> None:
    assert await reply(text, confidence=0.9, found=PEDICURES, query=query) == (words + PHRASES.which, [])


async def test_the_service_that_is_named_exactly_is_told_alone() -> None:
    words, _ = await reply("сколько стоит мужской педикюр", confidence=0.9, found=PEDICURES[::-1][1:])
    assert words == "Педикюр мужской — 72 рубля, длительность полтора часа."


async def test_whom_it_is_for_is_heard_behind_words_that_end_like_a_not() -> None:
    cuts = [row(Услуга=f"Стрижка {whose}", Цена=price) for whose, price in (("женская", "78"), ("мужская", "52"))]
    words, _ = await reply("сколько стоит стрижка мне мужа постричь", confidence=0.9, found=cuts)
    assert words == "Стрижка мужская — 52 рубля."


MANICURES = [
    row(Услуга=f"Маникюр {name}", Цена=price, Описание=description)
    for name, price, description in (
        ("классический", "42", "Без покрытия."),
        ("с покрытием гель-лак", "74", "Держится до трёх недель."),
        ("мужской", "45", "Чистые ногти."),
        ("детский", "28", "До 12 лет."),
        ("японский", "58", "Паста."),
    )
]

RANGE = "Маникюр — от 28 до 74 рублей: классический, с покрытием гель-лак, мужской, детский, японский. "


@pytest.mark.parametrize("text", ["сколько стоит маникюр", "почём маникюр", "во сколько мне обойдётся маникюр"])
async def test_of_many_services_the_range_is_told_and_what_there_is(text: str) -> None:
    assert await reply(text, confidence=0.9, found=MANICURES) == (RANGE + PHRASES.which, [])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("последний", "Маникюр японский — 58 рублей"),
        ("второе", "Маникюр с покрытием гель-лак — 74 рубля"),
        ("1", "Маникюр классический — 42 рубля"),
        ("детский", "Маникюр детский — 28 рублей"),
        ("давайте с гель-лаком", "Маникюр с покрытием гель-лак — 74 рубля"),
        ("самый дорогой", "Маникюр с покрытием гель-лак — 74 рубля"),
        ("который подешевле", "Маникюр детский — 28 рублей"),
        ("все", "Маникюр — от 28 до 74 рублей"),
        ("а взрослый", "Маникюр классический — 42 рубля, маникюр с покрытием гель-лак — 74 рубля, маникюр мужской"),
    ],
)
async def test_a_caller_chooses_among_what_was_named(text: str, first: str) -> None:
    asked = "сколько стоит маникюр"
    words, _ = await reply(
        text, confidence=0.9, found=MANICURES, replies=[RANGE + PHRASES.which], asked=asked, query=asked
    )
    assert words.startswith(first)


async def test_a_yes_to_the_question_which_is_asked_back() -> None:
    replies = [RANGE + PHRASES.which]
    assert await reply("да", confidence=0.9, found=MANICURES, replies=replies) == (PHRASES.which_exactly, [])


async def test_what_a_caller_does_not_want_is_not_offered() -> None:
    query = "маникюр с гель-лаком а просто без покрытия"
    words, _ = await reply("а просто без покрытия", confidence=0.9, found=MANICURES[1:] + MANICURES[:1], query=query)
    assert words == "Маникюр классический — 42 рубля. Без покрытия."


BACK = row(Услуга="Лазерная эпиляция спины, мужчины", Цена="199")

LEGS = row(Услуга="Лазерная эпиляция ног", Цена="226")


async def test_a_price_for_others_is_not_told_as_if_it_were_the_callers() -> None:
    words, _ = await reply("сколько стоит лазерная эпиляция спины женщине", confidence=0.9, found=[LEGS, BACK])
    assert words == PHRASES.for_others("Лазерная эпиляция спины, мужчины — 199 рублей.", "мужчин", "женщин")


async def test_the_service_for_the_person_is_told_where_there_is_one() -> None:
    words, _ = await reply("сколько стоит маникюр мужчине", confidence=0.9, found=MANICURES)
    assert words == "Маникюр мужской — 45 рублей."


async def test_people_s_prices_are_not_told_for_an_animal() -> None:
    words, _ = await reply("сколько стоит маникюр собаке", confidence=0.9, found=MANICURES)
    assert "рубл" not in words


async def test_a_word_that_only_looks_like_another_is_another() -> None:
    found = [row(Услуга="Моделирование скул", Цена="595"), row(Услуга="Мелирование", Цена="165")]
    words, _ = await reply("мелирование сколько стоит", confidence=0.9, found=found)
    assert words == "Мелирование — 165 рублей."


async def test_what_is_for_two_is_not_told_as_if_it_were_for_men() -> None:
    found = [row(Услуга="Парный массаж", Цена="150"), row(Услуга="Массаж мужской", Цена="70")]
    words, _ = await reply("сколько стоит массаж для мужа", confidence=0.9, found=found, query="массаж для мужа")
    assert words.startswith("Массаж мужской — 70 рублей")


async def test_two_things_that_are_asked_for_together_are_told_together() -> None:
    cuts = [row(Услуга=f"Стрижка {whose}", Цена=price) for whose, price in (("женская", "78"), ("мужская", "52"))]
    found = [*cuts, row(Услуга="Оформление бороды", Цена="36")]
    words, _ = await reply(
        "а стрижка и борода вместе сколько", confidence=0.9, found=found, replies=["Стрижка мужская — 52 рубля."]
    )
    assert words == "Стрижка мужская — 52 рубля, оформление бороды — 36 рублей."


async def test_what_is_charged_beside_the_price_is_told_with_it() -> None:
    leaving = row(Вопрос="Выезжаете ли вы на дом?", Ответ="Доплата за выезд 70 рублей.")
    found = [row(Услуга="Причёска свадебная", Цена="185"), leaving]
    words, _ = await reply("сколько свадебная причёска с выездом на дом", confidence=0.9, found=found)
    assert words == "Причёска свадебная — 185 рублей. Доплата за выезд 70 рублей."


async def test_other_questions_about_a_service_are_not_answered_with_a_list_of_prices() -> None:
    words, _ = await reply("сколько держится педикюр", confidence=0.9, found=PEDICURES[1:])
    assert words == "Две недели."
