"""A row of a file, or a section, becomes sentences that can be said."""

from __future__ import annotations

import pytest

from server.consultant.amounts import lasting
from server.consultant.rows import told
from server.knowledge.base import Document
from tests.story.offline import MANICURE, row


@pytest.mark.parametrize(
    ("document", "question", "answer"),
    [
        (MANICURE, "сколько стоит", "Маникюр классический — 48 рублей, длительность 1 час."),
        (MANICURE, "что входит", "Маникюр классический — 48 рублей, длительность 1 час. Без покрытия."),
        (row(Услуга="Укладка", Цена="от 75 руб. за час"), "цена", "Укладка — от 75 рублей за час."),
        (row(Услуга="Брови", Цена="21"), "цена", "Брови — 21 рубль."),
        (row(Услуга="Брови", Цена="22,50"), "цена", "Брови — 22,50 рубля."),
        (row(Вопрос="Есть парковка?", Ответ="Да, во дворе."), "парковка", "Да, во дворе."),
        (row(Услуга="Дизайн", Цена="от 4 за ноготь"), "цена", "Дизайн — от 4 рублей за ноготь."),
        (row(Услуга="Балаяж", Цена="от 320", Минут="240"), "цена", "Балаяж — от 320 рублей, длительность 4 часа."),
        (row(Услуга="Брови", Цена="от 21"), "цена", "Брови — от 21 рубля."),
        (row(Услуга="Брови", Цена="20–30"), "цена", "Брови — 20–30 рублей."),
        (row(Услуга="Брови", Цена="бесплатно"), "цена", "Брови — бесплатно."),
        (row(Услуга="Брови", Цена="20 евро"), "цена", "Брови — 20 евро."),
        (row(Аппарат="Диодный лазер", Назначение="Эпиляция"), "лазер", "Диодный лазер — эпиляция."),
        (row(Категория="Ногти", Мастер="Ольга"), "ногти", "Ногти. Мастер: Ольга."),
        (
            row(**{"Аппарат": "Ulthera", "Что это": "SMAS-аппарат", "Для каких услуг": "Лифтинг", "Салон": "Козлова"}),
            "что такое ультера",
            "Ulthera — SMAS-аппарат. Для каких услуг: Лифтинг. Салон: Козлова.",
        ),
    ],
)
def test_a_row_is_told_in_sentences(document: Document, question: str, answer: str) -> None:
    assert told(document, question) == answer


@pytest.mark.parametrize(
    ("cell", "heard"),
    [("240", "4 часа"), ("90", "полтора часа"), ("60 мин.", "1 час"), ("45", "45 минут"), ("100", "1 час 40 минут")],
)
def test_a_duration_is_said_in_hours_and_minutes(cell: str, heard: str) -> None:
    assert lasting(cell, "Длительность, мин") == heard


def test_of_a_long_section_only_whole_sentences_are_told() -> None:
    section = Document(
        "О компании – Часы работы\n" + "Мы открыты каждый день с девяти. " * 40, "О компании.md", "Часы работы"
    )
    words = told(section, "когда вы открыты")
    assert len(words) <= 450
    assert words.startswith("Мы открыты")
    assert words.endswith("с девяти.")
