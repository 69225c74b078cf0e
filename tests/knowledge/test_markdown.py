"""What the Markdown loader makes of a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import KnowledgeError
from server.knowledge import loaders
from server.knowledge.base import Document
from server.knowledge.loaders.markdown import LONGEST


def sections(tmp_path: Path, text: str) -> list[Document]:
    path = tmp_path / "О компании.md"
    path.write_text(text, encoding="utf-8")
    return loaders.load(path)


def test_each_section_is_a_document_under_its_own_heading_and_begins_with_the_path_to_it(tmp_path: Path) -> None:
    found = sections(
        tmp_path, "# Салон\n\nМы в Минске.\n\n## Адреса\n\n### Центр\n\nКозлова, 14.\n\n## Оплата\n\nКартой.\n"
    )
    assert [(document.location, document.text) for document in found] == [
        ("Салон", "Салон\nМы в Минске."),
        ("Центр", "Салон – Адреса – Центр\nКозлова, 14."),
        ("Оплата", "Салон – Оплата\nКартой."),
    ]
    assert {document.source for document in found} == {"О компании.md"}


def test_a_text_without_headings_goes_under_the_name_of_its_file(tmp_path: Path) -> None:
    (document,) = sections(tmp_path, "Мы в Минске.")
    assert (document.location, document.text) == ("О компании", "О компании\nМы в Минске.")


def test_a_rule_between_sections_is_no_content(tmp_path: Path) -> None:
    assert [document.text for document in sections(tmp_path, "# Салон\n\n---\n\n## Оплата\n\nКартой.\n\n---\n")] == [
        "Салон – Оплата\nКартой."
    ]


def test_a_long_section_is_split_between_paragraphs_and_loses_nothing(tmp_path: Path) -> None:
    paragraphs = [f"{number} " + "слово " * 50 for number in range(8)]
    found = sections(tmp_path, "# Салон\n\n" + "\n\n".join(paragraphs))
    assert len(found) > 1
    assert all(len(document.text) <= LONGEST + len("Салон\n") for document in found)
    pieces = [paragraph for document in found for paragraph in document.text.removeprefix("Салон\n").split("\n\n")]
    assert pieces == [paragraph.strip() for paragraph in paragraphs]


def test_a_long_list_is_split_between_its_items(tmp_path: Path) -> None:
    found = sections(tmp_path, "# Салон\n\n" + "".join(f"- пункт {number} {'слово ' * 20}\n" for number in range(20)))
    assert len(found) > 1
    assert all(document.text.removeprefix("Салон\n").startswith("- пункт") for document in found)


def test_a_hash_inside_a_code_block_is_no_heading_and_a_block_at_the_end_is_kept(tmp_path: Path) -> None:
    (document,) = sections(tmp_path, "# Салон\n\n```\n# не заголовок\n```")
    assert document.text == "Салон\n```\n# не заголовок\n```"


def test_a_file_in_the_encoding_of_windows_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "О компании.md"
    path.write_bytes("Мы в Минске".encode("cp1251"))
    (document,) = loaders.load(path)
    assert "Мы в Минске" in document.text


def test_what_is_no_text_is_refused_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "О компании.md"
    path.write_bytes(b"\x89PNG\x00\x98")
    with pytest.raises(KnowledgeError, match=r"^О компании\.md: .*save it again as UTF-8$"):
        loaders.load(path)
