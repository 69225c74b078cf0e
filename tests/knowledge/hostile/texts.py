"""Tables and texts without a format around them."""

from __future__ import annotations

from pathlib import Path


def a_line_of_a_million_columns(path: Path) -> None:
    path.write_text(";" * 1_000_000 + "конец\n" + "Маникюр;48\n" * 20_000, encoding="utf-8")


def a_quotation_without_an_end(path: Path) -> None:
    path.write_text('Услуга;Цена\nМаникюр;"48\n' + "Стрижка;70\n" * 20_000, encoding="utf-8")


def too_many_lines(path: Path) -> None:
    path.write_text("Услуга;Цена\n" + "Стрижка;70\n" * 3000, encoding="utf-8")


def a_paragraph_without_an_end(path: Path) -> None:
    path.write_text("слово " * 5000, encoding="utf-8")


def quotations_within_quotations(path: Path) -> None:
    path.write_text("> " * 20_000 + "конец\n\n" + "[" * 30_000, encoding="utf-8")


def not_even_text(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 4000)
