"""The base that is shipped as an example can be read, and answers what callers of such a salon ask."""

from __future__ import annotations

import pytest
from openpyxl import load_workbook

from server.knowledge.base import Findings, KnowledgeStatus
from server.knowledge.confidence import MIN_CONFIDENCE
from server.knowledge.library import Library
from tests.knowledge.conftest import SHIPPED


def price_in_file(sheet: str, service: str) -> str:
    """The price that stands beside a service in the workbook, found without the code under test."""
    rows = load_workbook(SHIPPED / "Услуги и цены.xlsx")[sheet].iter_rows(values_only=True)
    table = [row for row in rows if any(row)]
    header = next(row for row in table if "Услуга" in row)
    name, price = header.index("Услуга"), header.index("Цена, BYN")
    return str(next(row[price] for row in table if row[name] == service))


def test_every_file_is_read_without_a_problem(shipped: Library) -> None:
    status: KnowledgeStatus = shipped.status()
    assert status.problems == ()
    assert status.files_count == 4
    assert status.documents_count >= 120


async def test_the_price_of_a_manicure_is_found_first_and_is_the_one_in_the_file(shipped: Library) -> None:
    findings = await shipped.search("Сколько стоит маникюр?")
    fields = dict(findings.results[0].document.fields)
    assert fields["Категория"] == "Маникюр"
    assert fields["Цена, BYN"] == price_in_file("Маникюр и педикюр", fields["Услуга"])
    assert findings.confidence > 0.7


@pytest.mark.parametrize(
    ("question", "sheet", "service"),
    [
        ("сколько стоит женская стрижка", "Парикмахерский зал", "Стрижка женская"),
        ("мужской маникюр цена", "Маникюр и педикюр", "Маникюр мужской"),
        ("почем ламинирование ресниц", "Брови, ресницы, макияж", "Ламинирование ресниц"),
        ("карбоновый пиллинг сколько стоит", "Косметология", "Карбоновый пилинг"),
        ("ботокс межбровья цена", "Инъекции", "Ботокс: межбровье"),
        ("во сколько обойдется лазерная эпиляция глубокого бикини", "Лазер", "Лазерная эпиляция глубокого бикини"),
        ("массаж спины сколько", "Массаж и SPA", "Массаж спины"),
    ],
)
async def test_a_price_is_found_first_and_is_the_one_in_the_file(
    shipped: Library, question: str, sheet: str, service: str
) -> None:
    findings = await shipped.search(question)
    fields = dict(findings.results[0].document.fields)
    assert (fields["Услуга"], fields["Цена, BYN"]) == (service, price_in_file(sheet, service)), findings
    assert findings.confidence >= MIN_CONFIDENCE


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("какой у вас адрес", "Козлова, 14"),
        ("есть ли у вас парковка", "бесплатная парковка во дворе"),
        ("сколько действует подарочный сертификат", "Год со дня покупки"),
        ("можно ли прийти с собакой", "в переноске"),
    ],
)
async def test_a_general_question_is_answered_by_one_of_the_first_three(
    shipped: Library, question: str, words: str
) -> None:
    findings: Findings = await shipped.search(question, limit=3)
    assert any(words in finding.document.text for finding in findings.results), findings
    assert findings.confidence >= MIN_CONFIDENCE


@pytest.mark.parametrize(
    "question",
    ["закажите такси в аэропорт", "отбеливание зубов сколько стоит", "рентген лёгких", "расписание электричек"],
)
async def test_what_the_salon_does_not_offer_has_low_confidence(shipped: Library, question: str) -> None:
    assert (await shipped.search(question)).confidence < MIN_CONFIDENCE
