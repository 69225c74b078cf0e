"""From what speech recognition wrote to what is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.knowledge.abbreviations import values
from server.knowledge.base import Document
from server.knowledge.library import Library
from server.knowledge.spelling import Spelling, vocabulary
from server.knowledge.synonyms import Synonyms, everyday, of_lines
from server.knowledge.words import lemmas
from tests.clock import FakeClock
from tests.workbooks import PRICES, write_workbook

from .sheets import write_sheets

SALON = ["Ботокс межбровья", "Криолиполиз живота", "AirTouch", "LPG-массаж", "Буккальный массаж", "Немига, 47"]


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("сколько держится батекс", "Ботокс"),
        ("крио липа лис делаете", "Криолиполиз"),
        ("аир тач на блонд", "AirTouch"),
        ("эл пи джи", "LPG"),
        ("элпиджи почем", "LPG"),
        ("буквальный массаж", "Буккальный"),
        ("где не мига", "Немига"),
    ],
)
def test_a_word_is_known_by_its_sound_whatever_its_letters(heard: str, meant: str) -> None:
    assert meant in Spelling(vocabulary(SALON)).mended(heard).split()


@pytest.mark.parametrize("said", ["какая завтра погода", "массаж на дому", "сколько стоит 2 процедуры", "в немецком"])
def test_what_is_no_name_of_a_service_is_left_alone(said: str) -> None:
    assert Spelling(vocabulary(SALON)).mended(said) == said


def test_an_abbreviation_is_written_out_where_the_row_explains_it() -> None:
    row = Document("", "", "", (("Категория", "Лазерная эпиляция"), ("Услуга", "ЛЭ подмышек"), ("Цена", "65 BYN")))
    assert values(row) == ["Лазерная эпиляция", "Лазерная эпиляция подмышек", "65 BYN"]


def test_everyday_words_are_looked_for_by_the_words_of_the_base() -> None:
    known = set(lemmas("целлюлит, живот"))
    widened = Synonyms((), everyday(), known).widened("у меня апельсиновая корка на попе")
    assert "целлюлит" in widened.split()
    assert "ягодицы" not in widened, "the base says nothing of it"


def test_the_company_knows_better_than_everyday_language() -> None:
    own = list(of_lines(["# как говорят у нас", "чистка = уход, пузо; пузико", "без знака равенства"]))
    synonyms = Synonyms(own, of_lines(["живот = уход"]), {"чистка", "живот", "уход"})
    assert synonyms.widened("хочу уход") == "хочу уход чистка"
    assert synonyms.widened("пузико") == "пузико чистка"


@pytest.mark.parametrize("name", ["Синонимы.xlsx", "synonyms.txt"])
async def test_a_file_of_synonyms_in_the_folder_is_used_and_is_no_knowledge(
    library: Library, folder: Path, name: str
) -> None:
    before = library.open().documents_count
    assert (await library.search("мойдодыр")).results == ()
    if name.endswith(".txt"):
        (folder / name).write_text("чистка лица = мойдодыр\n", encoding="utf-8")
    else:
        write_sheets(folder / name, {"Лист1": [["Слово", "Как говорят"], ["чистка лица", "мойдодыр, личико"]]})
    assert (await library.regenerate()).documents_count == before
    assert (await library.search("мойдодыр")).results[0].document.fields[0][1] == "Чистка лица"


async def test_a_broken_file_of_synonyms_leaves_the_earlier_ones_in_force(library: Library, folder: Path) -> None:
    write_sheets(folder / "синонимы.xlsx", {"Лист1": [["Слово", "Как говорят"], ["чистка лица", "мойдодыр"]]})
    library.open()
    (folder / "синонимы.xlsx").write_bytes(b"half a file")
    (problem,) = (await library.regenerate()).problems
    assert problem.startswith("синонимы.xlsx: ")
    assert problem.endswith("its earlier content is still used")
    assert (await library.search("мойдодыр")).results


async def test_a_long_text_is_found_by_one_of_its_passages(tmp_path: Path) -> None:
    folder = write_workbook(tmp_path / "knowledge" / "Цены.xlsx", PRICES).parent
    filler = "Мы следим за чистотой и порядком в залах. " * 12
    text = f"# О салоне\n\n{filler}Детям до пяти лет у нас выдают раскраски и сок. {filler}"
    (folder / "О салоне.md").write_text(text, encoding="utf-8")
    library = Library(folder, tmp_path / "index", embedder="e5", clock=FakeClock())
    library.open()
    assert (await library.search("чем занять ребенка")).results[0].document.source == "О салоне.md"
