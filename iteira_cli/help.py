"""The help of commands as Typer shows it, but for two of its habits; and that of the program itself, drawn here in the
same manner: what Typer loads to draw one (Markdown, tracebacks) takes longer than all the rest of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, TypeVar

import typer

T = TypeVar("T")


def tidy(command: Any, ctx: Any) -> None:
    """Let paragraphs wrap at the width of the terminal instead of where the source breaks its lines, and show no type
    beside a flag."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    own = typer.Context(command, parent=ctx)
    without_flag_types(command.get_params(own))
    for part in getattr(command, "commands", {}).values():
        tidy(part, own)


def without_flag_types(parameters: list[T]) -> list[T]:
    """The same, with nothing in the place where Typer says `<bool>`: a flag takes no value."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""  # type: ignore[attr-defined]
    return parameters


def overview(group: Any, ctx: Any, panels: dict[str, list[str]]) -> None:
    """Print what `iteira --help` shows: options, and the commands of each panel by their first paragraph."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    paper = Console(highlight=False, emoji=False)
    usage = Text.assemble(("Usage: ", "bold yellow"), (f"{ctx.command_path} [OPTIONS] COMMAND [ARGS]...", "bold"))
    paper.print(Padding(usage, 1))
    paper.print(Padding(inspect.cleandoc(group.help or ""), (0, 1, 1, 1)))
    _panel(paper, "Options", (_option(parameter) for parameter in group.get_params(ctx) if not parameter.hidden))
    for panel, names in panels.items():
        _panel(paper, panel, ((name, _first_paragraph(group.get_command(ctx, name))) for name in names))
    paper.print()


def _option(parameter: Any) -> tuple[str, str]:
    names = ", ".join(sorted(parameter.opts, key=len, reverse=True))  # Typer keeps those of --help in a set
    value = f" {parameter.metavar}" if parameter.metavar else ""
    variable = f" [env var: {parameter.envvar}]" if parameter.envvar else ""
    return names + value, (parameter.help or "") + variable


def _first_paragraph(command: Any) -> str:
    return str(command.help or "").partition("\n\n")[0]


def _panel(paper: Any, title: str, rows: Iterable[tuple[str, str]]) -> None:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, style="bold cyan", min_width=13)
    table.add_column(ratio=1)
    for name, said in rows:
        table.add_row(Text(name), Text(said))
    paper.print(Panel(table, title=title, title_align="left", border_style="dim"))
