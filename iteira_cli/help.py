"""The help of commands as Typer shows it, but for two of its habits."""

from __future__ import annotations

import inspect
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
