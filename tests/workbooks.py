"""Excel files as a salon's staff keep them, written for one test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook

Row = Sequence[str | int | float | None]

PRICES: list[Row] = [
    ("Услуга", "Категория", "Цена", "Длительность", "Описание"),
    ("Маникюр классический", "Ногтевой сервис", 48, "60 мин.", "Обрезной маникюр без покрытия."),
    ("Педикюр аппаратный", "Ногтевой сервис", 85, "90 мин.", "Обработка стоп аппаратом."),
    ("Стрижка женская", "Волосы", "от 70 руб.", "1 час", "Стрижка с мытьём и укладкой."),
    ("Окрашивание волос", "Волосы", 210, "3 часа", "Окрашивание в один тон."),
    ("Чистка лица", "Косметология", 120, "80 мин.", "Комбинированная чистка лица."),
    ("Лазерная эпиляция голени", "Эпиляция", 95, "30 мин.", "Удаление волос диодным лазером."),
    ("Массаж спины", "Массаж", 65, "40 мин.", "Расслабляющий массаж спины."),
]


def write_workbook(path: Path, rows: Sequence[Row] = PRICES, sheet: str = "Услуги") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(list(row))
    book.save(path)
    return path
