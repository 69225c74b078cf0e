"""One ranked list with a confidence, by words alone and by words and meaning."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from server.knowledge.base import Findings
from server.knowledge.confidence import MIN_CONFIDENCE, SURE, Evidence, confidence
from server.knowledge.library import Library
from server.knowledge.spelling import Spelling, vocabulary
from server.knowledge.words import lemmas
from tests.clock import FakeClock
from tests.workbooks import write_workbook


@pytest.fixture(scope="module", params=["e5", "none"])
def salon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The small price list, open."""
    place = tmp_path_factory.mktemp(request.param)
    folder = write_workbook(place / "knowledge" / "Цены.xlsx").parent
    (folder / "Вопросы.md").write_text(
        "# Вопросы\n\n## Скидки\n\nПенсионерам скидка на маникюр и стрижку.\n\n## Парковка\n\nВо дворе, бесплатно.\n",
        encoding="utf-8",
    )
    library = Library(folder, place / "index", embedder=request.param, clock=FakeClock())
    library.open()
    return library


def name_of_first(findings: Findings) -> str:
    document = findings.results[0].document
    return dict(document.fields).get("Услуга", document.location)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Сколько стоит маникюр?", "Маникюр классический"),
        ("подскажите пожалуйста почём у вас женская стрижка", "Стрижка женская"),
        ("педикюра цена", "Педикюр аппаратный"),
        ("чистку лица делаете", "Чистка лица"),
        ("лазерная эпиляция голеней", "Лазерная эпиляция голени"),
        ("есть ли у вас парковка", "Парковка"),
    ],
)
async def test_a_callers_question_finds_its_row_first_and_with_confidence(
    salon: Library, question: str, name: str
) -> None:
    findings = await salon.search(question)
    assert name_of_first(findings) == name, findings
    assert findings.confidence >= MIN_CONFIDENCE, findings


@pytest.mark.parametrize(
    "question", ["где починить велосипед", "какой сегодня курс доллара", "вы продаёте котят", "алло", "да", "…", ""]
)
async def test_a_question_that_nothing_answers_has_low_confidence(salon: Library, question: str) -> None:
    findings = await salon.search(question)
    assert findings.confidence < MIN_CONFIDENCE, findings
    assert findings.query == question


async def test_a_misheard_word_still_finds_its_row(salon: Library) -> None:
    assert name_of_first(await salon.search("педикур оппаратный")) == "Педикюр аппаратный"


async def test_findings_come_best_first_and_no_more_than_asked_for(salon: Library) -> None:
    findings = await salon.search("маникюр или педикюр", limit=2)
    scores = [finding.score for finding in findings.results]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)


async def test_a_very_long_question_is_searched_too(salon: Library) -> None:
    assert (await salon.search("сколько стоит маникюр " + "и ещё кое-что " * 300)).results


@pytest.mark.parametrize("salon", ["none"], indirect=True)
async def test_a_word_said_twice_weighs_no_more_than_once(salon: Library) -> None:
    once, often = await salon.search("парковка, маникюр"), await salon.search("парковка, маникюр, маникюр, маникюр")
    assert (often.results, often.confidence) == (once.results, once.confidence)


@pytest.mark.parametrize(("salon", "question"), [("e5", "покрасить волосы")], indirect=["salon"])
async def test_meaning_finds_a_row_that_shares_no_word_with_the_question(salon: Library, question: str) -> None:
    assert name_of_first(await salon.search(question)) == "Окрашивание волос"


def test_letters_forms_and_function_words_make_no_difference() -> None:
    assert lemmas("Есть ли у вас щётки для волос?") == lemmas("щетка, волосы") == ["щетка", "волос"]
    assert lemmas(unicodedata.normalize("NFD", "ЩЁТКА для рой")) == ["щетка", "рой"]


@pytest.mark.parametrize("cosine", [0.87, None])
def test_confidence_grows_with_what_speaks_for_the_finding_and_stays_between_0_and_1(cosine: float | None) -> None:
    grades = [confidence(Evidence(coverage, 3, cosine)) for coverage in (0.0, 0.3, 0.6, 1.0)]
    assert grades == sorted(set(grades))
    assert 0 < grades[0] < MIN_CONFIDENCE < grades[-1] < 1


async def test_columns_that_stand_in_every_row_are_not_what_a_question_is_about(tmp_path: Path) -> None:
    folder = write_workbook(tmp_path / "knowledge" / "Цены.xlsx").parent
    library = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock())
    library.open()
    assert (await library.search("какая категория и какое описание")).confidence < MIN_CONFIDENCE


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("маникур", "Маникюр классический"),
        ("педи кюр сколько стоит", "Педикюр аппаратный"),
        ("стришка", "Стрижка женская"),
    ],
)
async def test_a_misheard_word_is_understood_with_confidence(salon: Library, question: str, name: str) -> None:
    findings = await salon.search(question)
    assert name_of_first(findings) == name, findings
    assert findings.confidence >= SURE


def test_words_of_the_language_are_not_taken_for_misheard_ones() -> None:
    spelling = Spelling(vocabulary(["Посадка и коррекция ресниц", "Наличные"]))
    for query in ("пересадка волос", "на личном опыте", "ресница в коррекции"):
        assert spelling.mended(query) == query
