"""From what is written to what can be heard: units, times, telephone numbers, sentences, numbers in words."""

from __future__ import annotations

import pytest

from server.consultant.numerals import dialled, numbers
from server.consultant.sentences import Sentences
from server.consultant.speech import spoken


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Маникюр — 42 руб.", "Маникюр — 42 рубля."),
        ("от 21 руб. до 1 р.", "от 21 рубля до 1 рубля."),
        ("1 р. за ноготь", "1 рубль за ноготь."),
        ("Цена 48 BYN", "Цена 48 рублей."),
        ("4,20 руб.", "4 рубля 20 копеек."),
        ("от 1 201,50 руб.", "от 1 201 рубля 50 копеек."),
        ("1 201,50 руб.", "1 201 рубль 50 копеек."),
        ("работаем с 9:00-21:00", "работаем с 9 часов до 21 часа."),
        ("С 9:00–21:00 без выходных", "С 9 часов до 21 часа без выходных."),
        ("43,5 рубля", "43 рубля 50 копеек."),
        ("от 21,5 руб.", "от 21 рубля 50 копеек."),
        ("48,00 BYN", "48 рублей."),
        ("1 200 руб", "1 200 рублей."),
        ("20–30 руб.", "20–30 рублей."),
        ("Занимает 60 мин. или 1,5 ч.", "Занимает 60 минут или 1,5 часа."),
        ("Скидка 21%", "Скидка 21 процент."),
        ("Мы открыты 10:00–21:00", "Мы открыты с 10 часов до 21 часа."),
        ("Приходите в 9:30", "Приходите в 9 часов 30 минут."),
        ("Звоните +375 29 123-45-67", "Звоните плюс 375 29 123 45 67."),
        ("Телефон 8 (029) 123-45-67", "Телефон 8 029 123 45 67."),
        ("Номер 80291234567", "Номер 8 029 123 45 67."),
        ("Номер +375291234567", "Номер плюс 375 29 123 45 67."),
        ("г. Минск, ул. Козлова, д. 5", "город Минск, улица Козлова, дом 5."),
        ("кабинет № 5", "кабинет номер 5."),
        ("и т.д., т.е. почти всё", "и так далее, то есть почти всё."),
        ("2025-2026 год", "2025-2026 год."),
    ],
)
def test_what_is_abbreviated_is_spelled_out(written: str, heard: str) -> None:
    assert spoken(written) == heard


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("**Да**, `48` рублей", "Да, 48 рублей"),
        ("1. Маникюр\n2. Педикюр", "Маникюр. Педикюр."),
        ("Смотрите https://iteira.by/price, там всё", "Смотрите, там всё"),
        ("Ждём вас 😊!", "Ждём вас!"),
        ("№ 5, +20 °C, 10 %, 5*3", "номер 5, плюс 20 градусов, 10 процентов, 5 на 3"),
    ],
)
def test_what_is_written_becomes_what_can_be_heard(written: str, heard: str) -> None:
    assert spoken(written).removesuffix(".") == heard.removesuffix(".")


@pytest.mark.parametrize("text", ["Маникюр стоит 42 рубля.", "Полтора часа.", "Спросите Марину Г. или Ольгу."])
def test_what_is_said_right_already_stays_as_it_is(text: str) -> None:
    assert spoken(text) == text


@pytest.mark.parametrize("silent", ["😊", "***", "---", "https://example.com/x", "| --- |"])
def test_what_has_no_words_is_silence(silent: str) -> None:
    assert spoken(silent) == ""


def test_a_sentence_is_known_as_soon_as_the_next_one_begins() -> None:
    text = "Стоит 42 руб. Ждём на ул. Козлова, д. 5. А ещё 5 р. за ноготь! 1. Да\n2. Нет. И.И. Иванов... вот"
    sentences, found = Sentences(), []
    for letter in text:
        found += sentences.add(letter)
    assert found + sentences.rest() == [
        "Стоит 42 руб.",
        "Ждём на ул. Козлова, д. 5.",
        "А ещё 5 р. за ноготь!",
        "1. Да",
        "2. Нет.",
        "И.И. Иванов...",
        "вот",
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("сорок два рубля", [42]),
        ("от сорока двух до пятидесяти", [42, 50]),
        ("две тысячи сто", [2100]),
        ("тысячу двести тридцать четыре", [1234]),
        ("полтора часа", [1.5]),
        ("в девять тридцать", [9, 30]),
        ("1 200 и 4,20", [1200, 4.2]),
        ("десять пять", [10, 5]),
        ("сорока на хвосте принесла пятый", [40]),
        ("ничего", []),
    ],
)
def test_numbers_are_heard_in_digits_and_in_words(text: str, values: list[float]) -> None:
    assert [number.value for number in numbers(text)] == values


@pytest.mark.parametrize(
    "text",
    [
        "+375 29 123-45-67",
        "плюс триста семьдесят пять двадцать девять сто двадцать три сорок пять шестьдесят семь",
        "375 двадцать девять 123 сорок пять 67",
    ],
)
def test_a_telephone_number_is_heard_however_it_is_dictated(text: str) -> None:
    assert list(dialled(f"мой номер {text} звоните")) == ["375291234567"]


@pytest.mark.parametrize(
    ("alone", "said"),
    [
        ("маски и т.д.", "маски и так далее."),
        ("маски и т.п.", "маски и тому подобное."),
        ("уход и др. услуги", "уход и другие услуги."),
        ("открыто, т.е. можно", "открыто, то есть можно."),
        ("открыто, т.к. праздник", "открыто, так как праздник."),
        ("приходите, напр. завтра", "приходите, например завтра."),
        ("тел.: на сайте", "телефон на сайте."),
        ("ул. Мира", "улица Мира."),
        ("пр-т Мира", "проспект Мира."),
        ("просп. Мира", "проспект Мира."),
        ("пр. Мира", "проспект Мира."),
        ("пер. Мира", "переулок Мира."),
        ("г. Минск", "город Минск."),
        ("д. 5", "дом 5."),
        ("корп. второй", "корпус второй."),
        ("сто руб", "сто рублей."),
        ("сто BYN", "сто белорусских рублей."),
        ("пять мин. на всё", "пять минут на всё."),
    ],
)
def test_every_abbreviation_is_spelled_out_where_it_is_the_only_one(alone: str, said: str) -> None:
    assert spoken(alone) == said
