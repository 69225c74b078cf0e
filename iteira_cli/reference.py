"""The reference of all commands as Markdown, written from the commands themselves: `make docs`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

import iteira_cli.app as program
from iteira_cli.json_documents import described

HEAD = """# Commands

Written by `make docs` from the commands themselves; a test fails when it is stale.
`iteira COMMAND --help` says the same.

Results go to stdout, everything else to stderr. `--json` prints one document with stable keys, which are named
below with each command: existing ones stay, new ones may come. Piped, nothing is coloured or cut; `NO_COLOR` takes the
colour on a terminal too.
`iteira --install-completion` lets the shell complete commands, options, and ids that the daemon knows.
"""
EXAMPLE = re.compile(r"^Example: (?P<line>.*)$", re.MULTILINE)


def reference() -> str:
    """The whole document."""
    root: Any = typer.main.get_command(program.app)
    ctx: Any = typer.Context(root, info_name="iteira")
    parts = [HEAD, _exit_codes(), _options("Options before the command", root, ctx)]
    for name in program.COMMANDS:
        parts += _command(root.get_command(ctx, name), f"iteira {name}", ctx)
    return "\n".join(filter(None, parts)).rstrip() + "\n"


def _exit_codes() -> str:
    table = (program.__doc__ or "").partition("\n\n")[2].strip()
    return f"## Exit codes\n\n{table}\n"


def _command(command: Any, path: str, parent: Any) -> Iterator[str]:
    ctx: Any = typer.Context(command, parent=parent, info_name=path.rpartition(" ")[2])
    group = getattr(command, "commands", {})
    yield f"{'##' if path.count(' ') == 1 else '###'} {path}\n"
    yield _help(command)
    if group:
        for name, part in group.items():
            yield from _command(part, f"{path} {name}", ctx)
        return
    yield f"```\n{' '.join([path, *command.collect_usage_pieces(ctx)])}\n```\n"
    yield _arguments(command, ctx)
    yield _options("", command, ctx)
    if any("--json" in parameter.opts for parameter in command.get_params(ctx)):
        yield f"`--json` prints {described(path.removeprefix('iteira '))}.\n"


def _help(command: Any) -> str:
    said = inspect.cleandoc(command.help or "")
    return EXAMPLE.sub(lambda found: f"```\n{found['line']}\n```", said) + "\n"


def _arguments(command: Any, ctx: Any) -> str:
    found = [parameter for parameter in command.get_params(ctx) if parameter.param_type_name == "argument"]
    rows = [f"- `{parameter.display_name_raw}`: {parameter.help or ''}{_default(parameter)}" for parameter in found]
    return "\n".join(rows) + "\n" if rows else ""


def _options(title: str, command: Any, ctx: Any) -> str:
    rows = [
        f"| {_cell(_names(parameter, ctx))} | {_cell((parameter.help or '') + _default(parameter))} |"
        for parameter in command.get_params(ctx)
        if parameter.param_type_name == "option" and not parameter.hidden and "--help" not in parameter.opts
    ]
    if not rows:
        return ""
    head = f"## {title}\n\n" if title else ""
    return head + "\n".join(["| option | does |", "| --- | --- |", *rows]) + "\n"


def _names(parameter: Any, ctx: Any) -> str:
    value = "" if parameter.is_flag else f" {parameter.display_type_rich(ctx)}"
    return ", ".join(f"`{name}{value}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _default(parameter: Any) -> str:
    """What is taken where it is left out; flags are off."""
    shown = getattr(parameter, "show_default", None)
    value = shown if isinstance(shown, str) else parameter.default
    if value is None or value is ... or isinstance(value, bool) or callable(value) or value in ((), []):
        return ""
    return f" Default: {getattr(value, 'value', value)}."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
