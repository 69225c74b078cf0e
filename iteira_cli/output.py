"""The only writer of the command line: rich on a terminal, plain when piped, one JSON document on `--json`.

rich is imported when something is drawn: it takes as long as all the rest of a command that prints a document.
"""

from __future__ import annotations

import json as jsonlib
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from textwrap import TextWrapper
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.table import Table
    from rich.text import Text

Cell: TypeAlias = "str | int | float | Text | None"

UNLIMITED = 100_000
"""Columns of a table that nobody looks at on a screen: a row stays one line, however long."""

GAP = 2
"""Blanks between two columns."""

NOTHING = "–"

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What could steer the terminal, or turn the direction of writing; a line break and a tab only move the text on."""

UNESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON may hold as it is though it could steer a terminal, or could not be written at all."""


class Output:
    """Results on stdout; progress and errors on stderr. Colour only on a terminal, and never with `NO_COLOR`.

    Text of callers printed through `out` and `err` directly belongs into `printable`: strings given to rich
    consoles are read as its markup.
    """

    def __init__(self, json: bool = False) -> None:
        self.json = json

    @cached_property
    def out(self) -> Console:
        from rich.console import Console

        return Console(highlight=False, emoji=False)

    @cached_property
    def err(self) -> Console:
        from rich.console import Console

        return Console(highlight=False, emoji=False, stderr=True)

    def document(self, data: object) -> None:
        """The one JSON document that a command with `--json` prints."""
        sys.stdout.write(as_document(data))

    def line(self, text: str) -> None:
        """One line of the result; where a terminal is narrower, it goes on below."""
        self.out.print(printable(_broken(self.out, text)), soft_wrap=True)

    def paragraphs(self, text: str) -> None:
        """A document of several lines, as it is."""
        sys.stdout.write(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """A table as wide as the terminal, with long cells folded; when piped, a line for each row, never cut.

        Columns of numbers stand right. Without column names there is no head; without rows there is only the title.
        """
        from rich.text import Text

        cells = [list(row) for row in rows]
        self.out.print(Text(title, style="bold"), soft_wrap=True)
        if cells:
            self._rows(columns, cells)
        self.out.print()

    def _rows(self, columns: Sequence[str], cells: list[list[Cell]]) -> None:
        if self.out.is_terminal:
            self.out.print(_table(columns, cells, self.out.width))
            return
        from rich.console import Console

        paper = Console(width=UNLIMITED, highlight=False, emoji=False)
        with paper.capture() as drawn:
            paper.print(_table(columns, cells, paper.width))
        # The blanks that fill the last column up would only be in the way of who reads on.
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().rstrip("\n").split("\n")))

    def box(self, title: str, rows: Iterable[tuple[str, str]], last: str) -> None:
        """What to do next, for the one who waits: boxed where a terminal has room for it, since what is to be typed
        must never be broken."""
        from rich.cells import cell_len
        from rich.panel import Panel

        lines = [title, "", *(f"{what}  {how}" for what, how in _aligned(rows)), last]
        widest = max(cell_len(line) for line in lines) + 4
        if not self.err.is_terminal or widest > self.err.width:
            for line in ["", *filter(None, lines)]:
                self.note(line)
            return
        self.err.print(Panel(printable("\n".join(lines)), expand=False, border_style="green"))

    def note(self, text: str) -> None:
        """Progress: what happens now, for the one who waits."""
        self.err.print(printable(_broken(self.err, text)), style="dim", soft_wrap=True)

    def warning(self, text: str) -> None:
        """What is done as asked, though it may not be meant."""
        self._say("Warning:", "bold yellow", text)

    def error(self, text: str, hint: str | None = None) -> None:
        """What went wrong and, on a line of its own, what to do next."""
        self._say("Error:", "bold red", text)
        if hint:
            self.err.print(printable(_broken(self.err, hint)), soft_wrap=True)

    def _say(self, what: str, style: str, text: str) -> None:
        said = printable(_broken(self.err, f"{what} {text}"))
        said.stylize(style, 0, len(what))
        self.err.print(said, soft_wrap=True)


def _broken(console: Console, text: str) -> str:
    """At blanks, where a terminal would break it anywhere. A path or an address stays whole, however long."""
    if not console.is_terminal:
        return text
    fill = TextWrapper(console.width, break_long_words=False, break_on_hyphens=False).fill
    return "\n".join(map(fill, text.split("\n")))


def as_document(data: object) -> str:
    """JSON as it is printed and written: text as text, one key a line."""
    text = jsonlib.dumps(data, ensure_ascii=False, indent=2)
    return UNESCAPED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text) + "\n"


def _aligned(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    from rich.cells import cell_len

    listed = list(rows)
    width = max(cell_len(what) for what, _ in listed)
    return [(f"{what:<{width}}", how) for what, how in listed]


def printable(cell: Cell) -> Text:
    """Text that shows what it says: no markup of rich, no control characters that could steer the terminal."""
    from rich.text import Text

    if isinstance(cell, Text):
        return cell
    text = NOTHING if cell is None else str(cell)
    return Text(CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))


def _table(names: Sequence[str], rows: list[list[Cell]], width: int) -> Table:
    """Numbers and identifiers stay whole as long as the columns of several words can make room for them."""
    from rich.table import Table

    shown = [[printable(" ".join(cell.split()) if isinstance(cell, str) else cell) for cell in row] for row in rows]
    columns = [[text.plain for text in column] for column in zip(*shown, strict=True)]
    least = [_least(name, column) for name, column in zip(names, columns, strict=True)]
    room = sum(least) + GAP * (len(least) - 1) <= width
    table = Table(show_header=any(names), box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for name, column, cells in zip(names, columns, zip(*rows, strict=True), strict=True):
        numbers = all(isinstance(cell, int | float) for cell in cells)
        justify: JustifyMethod = "right" if numbers else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=room and _single_words(column))
    for row in shown:
        table.add_row(*row)
    return table


def _least(name: str, column: list[str]) -> int:
    """The width that a column needs for its words to stay whole."""
    from rich.cells import cell_len

    words = [name, *column] if _single_words(column) else " ".join([name, *column]).split()
    return max(map(cell_len, words), default=0)


def _single_words(column: list[str]) -> bool:
    return all(" " not in text for text in column)


def local_time(iso: str | None) -> str:
    """An ISO 8601 time of the API in the time zone of the one who reads it, to the second."""
    return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M:%S}" if iso else NOTHING


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: `250 ms`, `4.2 s`, `0:12:05`, `3 days, 0:12:05`."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))


def seconds_between(earlier: str, later: str) -> float:
    """Of two ISO 8601 times."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def percent(part: float | None) -> str:
    """0.125 as `12 %`; of one processor where it is processor time."""
    return NOTHING if part is None else f"{part * 100:.0f} %"


def memory(size: float | None) -> str:
    """Bytes as `96 MB`."""
    return NOTHING if size is None else f"{size / 1_000_000:.0f} MB"
