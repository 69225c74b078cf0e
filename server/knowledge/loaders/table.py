"""Tables as staff keep them: where the header is, which cells are meant for the rows below, which rows are headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from math import isfinite

from server.knowledge.base import Document

Cell = int | float | str | bool | time | date | datetime | timedelta
Row = tuple[int, list[str]]
"""A row's number as staff see it, and its cells as text: as many as every other row has, not all of them blank."""
Fields = tuple[tuple[str, str], ...]

_LONG = 10**15
"""From here on Excel itself shows a number with an exponent."""
_ASKS = re.compile("вопрос", re.IGNORECASE)
_ANSWERS = re.compile("ответ(?!ствен)", re.IGNORECASE)
_COLUMN = re.compile(
    r"(?:№|(?:вид )?услуг[аи]|цена|стоимость|тариф|длительность|время|продолжительность|категория|группа|раздел|"
    r"направление|наименование|название|описание|примечани[ея]|комментари[йи]|вопрос|ответ)(?:\s*[,:(.].*)?",
    re.IGNORECASE,
)
"""What columns are called, with their unit or not."""
_TITLES = 5
"""Rows above a header, at most, that are titles."""
_PERCENT = re.compile(r"скидк(?!.*руб)|процент|%", re.IGNORECASE)
HEADING = "Раздел"
"""Column name for a heading that stands in a row of its own above the rows it is for."""


def documents(rows: list[Row], source: str, place: str) -> Iterator[Document]:
    """A document for each row below the header, with the group names that it shares with the rows above it.

    `place` comes before the row's number in its location.
    """
    for number, fields in _records(rows):
        text = "\n".join(f"{name}: {value}" if name else value for name, value in fields)
        yield Document(text, source, f"{place}{number}", fields)


def shown(cell: Cell) -> str:
    """A cell's value as staff see it: 120.0 is 120, a date is written the Russian way, stray spaces are gone."""
    match cell:
        case bool():
            return "да" if cell else "нет"
        case float() if not isfinite(cell):
            return ""
        case int() | float():
            whole = abs(cell) < _LONG and cell == int(cell)
            return str(int(cell)) if whole else f"{cell:.10g}".replace(".", ",")
        case datetime() if cell.time() != time():
            return f"{cell:%d.%m.%Y %H:%M}"
        case date():
            return f"{cell:%d.%m.%Y}"
        case time():
            return f"{cell:%H:%M}"
        case timedelta():
            hours, minutes = divmod(int(cell.total_seconds()) // 60, 60)
            return f"{hours}:{minutes:02}"
    return " ".join(cell.split())


def _records(table: list[Row]) -> Iterator[tuple[int, Fields]]:
    header, rows = _split(table)
    headings = _heading_rows(rows)
    groups = _group_columns([cells for number, cells in rows if number not in headings])
    percentages = _percentage_columns(header, rows)
    names = [HEADING, *header]
    waits = _answer_column(names)
    heading, inherited = "", [""] * len(header)
    for number, cells in rows:
        if number in headings:
            heading, inherited = next(filter(None, cells)), [""] * len(header)
            continue
        for column in groups:
            if cells[column]:
                # What stood to the right of a new group's name belonged to the group before.
                inherited[column:] = [cells[column], *[""] * (len(header) - column - 1)]
        for column in percentages:
            cells[column] = _percentage(cells[column])
        values = [heading, *(own or above for own, above in zip(cells, inherited, strict=True))]
        if waits and not values[waits]:
            continue
        yield number, tuple((name, value) for name, value in zip(names, values, strict=True) if value)


def _split(table: list[Row]) -> tuple[list[str], list[Row]]:
    """Column names and the rows below them; a header that is repeated further down is left out.

    The header is the first row that fills more than half as many columns as the fullest row, so a title above it is
    passed over. A wide title is too: where that row has no word that columns are called by, a row soon below it that
    has several is the header. Where the header has a number in it the table has none, and its columns have no names.
    """
    widths = [sum(map(bool, cells)) for _, cells in table]
    at = next((i for i, width in enumerate(widths) if 2 * width > max(widths)), None)
    if at is None:
        return [], []
    if not _named(table[at][1]):
        at = next((i for i in range(at, min(at + _TITLES, len(table))) if _named(table[i][1]) > 1), at)
    header = table[at][1]
    if any(_is_number(cell) for cell in header):
        return [""] * len(header), table[at:]
    if at + 1 < len(table) and (names := _of_two_lines(header, table[at + 1][1])):
        return names, table[at + 2 :]
    return [name.rstrip(": ") for name in header], [row for row in table[at + 1 :] if row[1] != header]


def _of_two_lines(header: list[str], below: list[str]) -> list[str]:
    """The names of columns of which some stand in two lines, as «Цена» above «Женщины» and «Мужчины»; none where the
    header is one line. A row of the table has something of its own in the first column, and numbers."""
    has_second = any(under and not name for name, under in zip(header, below, strict=True))
    if below[0] not in {"", header[0]} or not has_second or any(map(_is_number, below)):
        return []
    names, above = list[str](), ""
    for name, under in zip(header, below, strict=True):
        above = name or above
        names.append(f"{above} {under if under != above else ''}".strip(": "))
    return names


def _named(cells: list[str]) -> int:
    """How many of them are what columns are called."""
    return sum(_COLUMN.fullmatch(cell) is not None for cell in cells)


def _answer_column(names: list[str]) -> int | None:
    """Where a table of questions has its answers: a row without one waits to be answered, and says nothing."""
    asks = any(_ASKS.match(name) for name in names)
    return next((at for at, name in enumerate(names) if asks and _ANSWERS.match(name)), None)


def _heading_rows(rows: list[Row]) -> set[int]:
    """Numbers of the rows that hold nothing but a heading for the rows below.

    In a table of several columns that is a row with a cell in the leftmost column alone. Where such rows are common
    they are plain rows with little in them; the last row is a footnote; a question is one that nobody has answered yet.
    """
    leftmost = min((_first(cells) for _, cells in rows), default=0)
    lone = {number: cells[leftmost] for number, cells in rows if sum(map(bool, cells)) == 1 and cells[leftmost]}
    if 3 * len(lone) > len(rows):
        return set()
    return {number for number, text in lone.items() if number != rows[-1][0] and not text.endswith("?")}


def _first(cells: list[str]) -> int:
    """Position of the first cell that is not blank."""
    return next(at for at, cell in enumerate(cells) if cell)


def _group_columns(rows: list[list[str]]) -> list[int]:
    """Columns whose blank cells mean "as above": those left of the first column that is filled all the way down.

    A column of running numbers is no such column, and one that is blank in its first row holds occasional remarks.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    filled = [sum(map(bool, column)) for column in columns]
    texts = [i for i, column in enumerate(columns) if any(cell and not _is_number(cell) for cell in column)]
    most = max((filled[i] for i in texts), default=0)
    first_full = next((i for i in texts if filled[i] >= 0.8 * most), 0)
    return [i for i in texts if i < first_full and columns[i][0]]


def _percentage_columns(header: list[str], rows: list[Row]) -> list[int]:
    """Columns of percentages that stand there as fractions: Excel shows 0.15 as 15%, and does not tell us how it is
    shown. They are known by their name, and by no number above 1."""
    named = [column for column, name in enumerate(header) if _PERCENT.search(name)]
    return [column for column in named if _are_fractions([cells[column] for _, cells in rows])]


def _are_fractions(cells: list[str]) -> bool:
    numbers = [_number(cell) for cell in cells if _is_number(cell)]
    return any(number % 1 for number in numbers) and max(numbers) <= 1


def _percentage(cell: str) -> str:
    return f"{100 * _number(cell):.10g}%".replace(".", ",") if _is_number(cell) else cell


def _number(cell: str) -> float:
    return float(cell.replace(" ", "").replace(",", "."))


def _is_number(cell: str) -> bool:
    return cell.replace(",", "", 1).replace(" ", "").isdigit()
