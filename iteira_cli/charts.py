"""Charts as SVG, written by hand: no script, nothing from elsewhere, and colours that the page's style decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 60, 12, 12, 28
TICKS = 4
STEPS = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10)
"""Their quarters are readable."""

Point = tuple[float, float | None]
"""A value over time (seconds); None where there is none, which breaks the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` names its colour in the page's style: `a`, `b`, `c` or `bad`."""

    name: str
    kind: str
    points: Sequence[Point]


def lines(title: str, drawn: Sequence[Line], label: Callable[[float], str]) -> str:
    """Lines over time with a legend. `label` writes a value with its unit."""
    values = [value for line in drawn for _, value in line.points if value is not None]
    if not values:
        return _figure(title, "", _nothing(), title)
    top, end = _round_up(max(values)), max(*(at for line in drawn for at, _ in line.points), 1.0)

    def place(at: float, value: float) -> str:
        return f"{_x(at / end):.1f},{_y(value / top):.1f}"

    paths = "".join(_path(line, place) for line in drawn)
    summary = f"{title}: " + ", ".join(
        f"{line.name} at most {label(max(seen))}"
        for line in drawn
        if (seen := [value for _, value in line.points if value is not None])
    )
    axes = _grid(top, label) + _times(end)
    legend = "".join(f'<span class="key {line.kind}">{escape(line.name)}</span>' for line in drawn)
    return _figure(title, legend, axes + paths, summary)


def bars(title: str, drawn: Sequence[tuple[str, int]], kind: str = "a") -> str:
    """Bars with their labels below, as many of those as there is room for."""
    if not drawn:
        return _figure(title, "", _nothing(), title)
    top = _round_up(max(count for _, count in drawn))
    width = (WIDTH - LEFT - RIGHT) / len(drawn)
    every = math.ceil(len(drawn) / 10)
    parts = [_grid(top, lambda value: f"{value:g}")]
    for number, (label, count) in enumerate(drawn):
        x, y = LEFT + number * width, _y(count / top)
        parts.append(
            f'<rect class="{kind}" x="{x + 1:.1f}" y="{y:.1f}" width="{max(width - 2, 1):.1f}" '
            f'height="{HEIGHT - BOTTOM - y:.1f}"><title>{escape(label)}: {count}</title></rect>'
        )
        if number % every == 0:
            parts.append(f'<text x="{x + width / 2:.1f}" y="{HEIGHT - 8}" class="middle">{escape(label)}</text>')
    return _figure(title, "", "".join(parts), f"{title}: {sum(count for _, count in drawn)} in all")


def _figure(title: str, legend: str, inside: str, summary: str) -> str:
    return (
        f'<figure><figcaption>{escape(title)} <span class="legend">{legend}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(summary)}">{inside}</svg></figure>'
    )


def _nothing() -> str:
    return f'<text x="{WIDTH / 2}" y="{HEIGHT / 2}" class="middle">nothing was measured</text>'


def _path(line: Line, place: Callable[[float, float], str]) -> str:
    """A line, broken where there is no value; a value alone is a dot."""
    parts: list[list[str]] = [[]]
    for at, value in line.points:
        if value is None:
            parts.append([])
        else:
            parts[-1].append(place(at, value))
    drawn = []
    for points in filter(None, parts):
        if len(points) == 1:
            x, y = points[0].split(",")
            drawn.append(f'<circle class="{line.kind}" cx="{x}" cy="{y}" r="2"/>')
        else:
            drawn.append(f'<polyline class="{line.kind}" points="{" ".join(points)}"/>')
    return "".join(drawn)


def _grid(top: float, label: Callable[[float], str]) -> str:
    parts = []
    for tick in range(TICKS + 1):
        y = _y(tick / TICKS)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="end">{escape(label(top * tick / TICKS))}</text>')
    return "".join(parts)


def _times(end: float) -> str:
    step = max(_round_up(end / 8, (1, 2, 5, 10)), 1.0)
    marks = [number * step for number in range(int(end / step) + 1)]
    return "".join(
        f'<text x="{_x(at / end):.1f}" y="{HEIGHT - 8}" class="middle">{at:g} s</text>'
        for at in marks
        if at / end < 0.97
    )


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _round_up(value: float, steps: Sequence[float] = STEPS) -> float:
    """To one of the steps, times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))
