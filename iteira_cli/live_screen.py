"""What the live screen shows, as a picture of what is known: nothing here asks, waits or remembers by itself."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from iteira_cli.output import duration, local_time, memory, percent, printable

if TYPE_CHECKING:
    from iteira_cli.documents import Health, LatestError, Stats, WaitingMessage

BARS = "▁▂▃▄▅▆▇█"
REMEMBERED = 240
"""Looks that the sparklines can show; a wide terminal has room for fewer."""
MINUTE = 60.0
FRAME = 12
"""Lines that are neither somebody who waits nor an error."""
ERRORS = 5
KEYS = "q quit   p pause   o or Enter open the session   j/k or arrows choose"
WHOLE = {"Waits": 7, "Error at": 8, "Stage": 9, "Caller": 12}
"""Columns that stay whole on a narrow terminal, and their width."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look at the daemon has found. `at` is monotonic seconds."""

    at: float
    stats: Stats
    waiting: list[WaitingMessage]
    health: Health
    trouble: str | None = None
    """Why later looks have found nothing."""
    away_since: float | None = None

    def failed(self, trouble: str, at: float) -> Glance:
        """The same, when another look has failed."""
        return replace(self, trouble=trouble, away_since=self.away_since or at)


@dataclass
class History:
    """Replies a minute and their p90, both of the last minute, look by look."""

    replies: deque[float | None] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    slow: deque[float | None] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _looks: deque[tuple[float, int]] = field(default_factory=deque)
    """When, and how many had been answered by then: those of the last minute, and the one before."""

    def add(self, stats: Stats, at: float) -> None:
        processed, looks = stats["messages_processed"], self._looks
        if looks and processed < looks[-1][1]:
            looks.clear()  # a store that was changed for another begins anew: that is no negative speed
        looks.append((at, processed))
        while len(looks) > 2 and looks[1][0] <= at - MINUTE:
            looks.popleft()
        began, before = looks[0]
        if at > began:
            self.replies.append((processed - before) / (at - began) * MINUTE)
            minute = stats["latency"].get("last_minute")
            self.slow.append(minute["p90"] if minute else None)


@dataclass
class View:
    """How the person wants to see it."""

    url: str
    every: float
    red_from: float
    glance: Glance
    paused: bool = False
    now: float = field(default_factory=time.monotonic)
    _chosen_id: str | None = None

    @property
    def chosen(self) -> WaitingMessage | None:
        """The selected one as long as it waits, else the one that waits longest."""
        waiting = self.glance.waiting
        return next((one for one in waiting if one["id"] == self._chosen_id), waiting[0] if waiting else None)

    def select(self, steps: int) -> None:
        """Move the selection down by so many."""
        waiting, chosen = self.glance.waiting, self.chosen
        if chosen is not None:
            at = waiting.index(chosen) + steps
            self._chosen_id = waiting[min(max(at, 0), len(waiting) - 1)]["id"]


def draw(view: View, history: History, width: int, height: int) -> RenderableType:
    """A screen of `width` columns and `height` lines."""
    parts = _parts(view)
    free = height - FRAME - len(parts)
    errors = view.glance.stats.get("latest_errors", [])[: max(1, min(ERRORS, free // 2))]
    room = max(1, free - max(1, len(errors)))
    return Group(
        _head(view),
        _figures(view),
        _workers(view),
        *parts,
        *_sparklines(history, width),
        Text(),
        _waiting(view, room),
        Text(),
        _errors(errors, view.glance.stats["errors"]),
        Text(KEYS, style="dim", no_wrap=True, overflow="ellipsis"),
    )


def sparkline(values: list[float | None], width: int) -> str:
    """The latest values as bars, the highest one full; a blank where nothing is known."""
    shown = values[-width:]
    highest = max((value for value in shown if value is not None), default=0.0)
    return "".join(" " if value is None else _bar(value, highest) for value in shown)


def _bar(value: float, highest: float) -> str:
    return BARS[round(value / highest * (len(BARS) - 1))] if highest > 0 else BARS[0]


def _head(view: View) -> Text:
    glance = view.glance
    head = Text("Iteira ", style="bold", no_wrap=True, overflow="ellipsis")
    head.append_text(Text(f"{view.url}  ", style="default"))
    if glance.trouble:
        away = duration(view.now - (glance.away_since or view.now))
        return head.append_text(Text(f"NO FIGURES for {away}", style="bold red"))
    if view.paused:
        return head.append_text(Text("PAUSED", style="bold yellow"))
    stats = glance.stats
    return head.append_text(Text(f"up {duration(stats['uptime'])}, consultant {stats['consultant']}", style="default"))


def _figures(view: View) -> Text:
    stats = view.glance.stats
    who = ", ".join(f"{name} {count}" for name, count in stats.get("answered_by", {}).items())
    line = Text(no_wrap=True, overflow="ellipsis")
    waiting = stats["queue"]["depth"]
    line.append(f"waiting {waiting}", style="bold" if waiting else "")
    line.append(f"   active {stats['active_sessions']}   answered {stats['messages_processed']}")
    line.append(f" ({who})" if who else "")
    line.append(f"   errors {stats['errors']}", style="red" if stats["errors"] else "")
    return line


def _parts(view: View) -> list[Text]:
    """What serves badly, part by part, in the daemon's own words; why there are no figures comes before all else."""
    trouble = view.glance.trouble
    away = [Text(trouble, style="bold red", no_wrap=True, overflow="ellipsis")] if trouble else []
    return away + [
        Text(
            f"{part} {check['status']}: {check['detail']}",
            style="bold red" if check["status"] == "unavailable" else "bold yellow",
            no_wrap=True,
            overflow="ellipsis",
        )
        for part, check in view.glance.health["checks"].items()
        if check["status"] != "ok"
    ]


def _workers(view: View) -> Text:
    workers = view.glance.stats["workers"]
    if not workers:
        return Text("no worker reports itself: nobody answers", style="bold red")
    cpu = sum(worker.get("cpu") or 0.0 for worker in workers)
    held = sum(worker.get("memory") or 0 for worker in workers)
    turns = sum(worker["turns"] for worker in workers)
    said = f"workers {len(workers)}   turns {turns}   CPU {percent(cpu)}   memory {memory(held)}"
    line = Text(said, no_wrap=True, overflow="ellipsis")
    if told := view.glance.stats.get("line"):
        silent = told["silent_seconds"]
        ago = "none yet" if silent is None else f"{duration(silent)} ago"
        line.append(f"   last message {ago}", style="bold red" if told["unusually_quiet"] else "")
    return line


def _sparklines(history: History, width: int) -> list[Text]:
    replies, slow = list(history.replies), list(history.slow)
    now = next((value for value in reversed(slow) if value is not None), None)
    lines = [
        ("replies a minute", replies, f"{replies[-1] or 0:.0f}" if replies else "0"),
        ("p90 of a minute", slow, duration(now)),
    ]
    room = max(10, width - 28)
    return [Text(f"{name:<17}{value:>8}  {sparkline(bars, room)}", no_wrap=True) for name, bars, value in lines]


def _waiting(view: View, room: int) -> RenderableType:
    waiting, chosen = view.glance.waiting, view.chosen
    if not waiting:
        return Text("Nobody waits.", style="green")
    at = waiting.index(chosen) if chosen else 0
    first = min(max(0, at - room + 1), max(0, len(waiting) - room))
    table = _table("", "Waits", "Caller", "State", "Attempt", "Worker")
    for one in waiting[first : first + room]:
        seconds = one["seconds"] + max(0.0, view.now - view.glance.at)
        style = "bold red" if seconds >= view.red_from else ""
        mark = "›" if one is chosen else " "
        cells = (duration(seconds), one["user_id"], one["state"], str(one["attempts"]), one["worker"])
        table.add_row(mark, *(printable(cell) for cell in cells), style=style)
    if (more := view.glance.stats["queue"]["depth"] - room) > 0:
        return Group(table, Text(f"  and {more} more", style="dim"))
    return table


def _errors(errors: list[LatestError], ever: int) -> RenderableType:
    if not errors:
        return Text("No errors are left." if ever else "No errors.", style="green")
    table = _table("Error at", "Caller", "Stage", "Reason")
    for error in errors:
        cells = (local_time(error["at"])[-8:], error["user_id"], error["stage"], error["reason"])
        table.add_row(*(printable(cell) for cell in cells))
    return table


def _table(*columns: str) -> Table:
    """One line a row: what does not fit is cut, and stands whole where it is opened."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        justify: JustifyMethod = "right" if column == "Waits" else "left"
        table.add_column(column, no_wrap=True, overflow="ellipsis", justify=justify, min_width=WHOLE.get(column))
    return table
