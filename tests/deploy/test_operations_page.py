"""What docs/operations.md tells somebody to type or to look at exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

import iteira_cli.app as program
from server.settings import Settings, names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LINES = [line.strip() for block in CODE for line in block.replace("\\\n", " ").splitlines()]
SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"^```\n.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL))
CALL = re.compile(r"(?:^|/|\s)iteira ((?:[a-z]+(?:-[a-z]+)?)\b[^#|&`]*)")
COMMANDS = sorted({found for text in (*LINES, *SPANS) for found in CALL.findall(text)})


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.split()[0] in program.COMMANDS])
def test_a_command_has_the_options_that_the_page_gives_it(line: str) -> None:
    root: Any = typer.main.get_command(program.app)
    ctx: Any = typer.Context(root, info_name="iteira")
    command, rest = root.get_command(ctx, line.split(maxsplit=1)[0]), line.split()[1:]
    while hasattr(command, "commands") and rest:
        command, rest = command.get_command(ctx, rest[0]), rest[1:]
        assert command is not None, line
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("-")} <= known


def test_the_page_names_commands_at_all() -> None:
    assert len({line.split()[0] for line in COMMANDS} & set(program.COMMANDS)) > 8


def test_every_setting_that_the_page_names_exists() -> None:
    sections = "|".join(Settings.model_fields)
    named = {span for span in SPANS if re.fullmatch(rf"({sections})\.[a-z_]+", span)}
    assert len(named) > 10
    assert named <= set(names())


@pytest.mark.parametrize("path", sorted(set(re.findall(r"deploy/[\w./*-]+\w", PAGE))))
def test_every_file_that_the_page_names_exists(path: str) -> None:
    assert list(ROOT.glob(path.rstrip("/*")))


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!#)([^)]+)\)", PAGE))))
def test_every_page_that_it_links_to_exists(link: str) -> None:
    assert (ROOT / "docs" / link.partition("#")[0]).exists()
