"""The pages that a newcomer reads: written from the program where they can be, and every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

from iteira_cli.app import app
from server.reference.api import api
from server.reference.configuration import configuration
from server.settings import names

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COMMAND = re.compile(r"^(?:[\w./ &]*\s|\$ )?(?:[\w.]*/)*iteira ((?:[a-z-].*))$")
WORD = re.compile("[a-z][a-z-]*")
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), ROOT / "benchmarks" / "README.md"])


def test_the_page_of_the_settings_is_what_they_say() -> None:
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == configuration(), "`make docs` writes it again"


def test_the_page_of_the_http_interface_is_what_the_routes_say() -> None:
    assert (DOCS / "api.md").read_text(encoding="utf-8") == api(), "`make docs` writes it again"


def test_the_page_of_the_settings_names_every_setting_in_its_section() -> None:
    sections = dict(re.findall(r"^## \[(\w+)\]\n(.*?)(?=^## )", configuration(), re.MULTILINE | re.DOTALL))
    missing = [name for name in names() if f"`{name.partition('.')[2]}`" not in sections[name.partition(".")[0]]]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_found_from_the_index_and_the_index_from_both_readmes() -> None:
    index = {link.partition("#")[0] for link in links(DOCS / "README.md")}
    assert [page.name for page in DOCS.glob("*.md") if page.name not in {*index, "README.md"}] == []
    for readme in ("README.md", "README.ru.md"):
        assert "docs/README.md" in links(ROOT / readme)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    assert [line for line in shown(page) if not exists(shlex.split(line, comments=True))] == []


def shown(page: Path) -> Iterator[str]:
    """The calls of our command in examples and in running text."""
    for token in tokens(page):
        lines = token.content.splitlines() if token.type in ("fence", "code_inline") else []
        for line in lines:
            if call := COMMAND.search(line):
                yield re.split(r"\s(?:[|>&]|&&)\s?", call[1])[0]


def exists(words: list[str]) -> bool:
    """Whether the command, its parts and its long options are there."""
    command: Any = typer.main.get_command(app)
    ctx: Any = typer.Context(command, info_name="iteira")
    known: set[str] = {"--help"}
    while True:
        known |= {name for each in command.get_params(ctx) for name in (*each.opts, *each.secondary_opts)}
        if not hasattr(command, "commands") or not (following := [word for word in words if WORD.fullmatch(word)]):
            break
        if (found := command.get_command(ctx, following[0])) is None:
            return False
        words = words[words.index(following[0]) + 1 :]
        command, ctx = found, typer.Context(found, parent=ctx, info_name=following[0])
    return all(word.partition("=")[0] in known for word in words if word.startswith("--"))


def links(page: Path) -> list[str]:
    """Where a page leads within the repository."""
    found = [str(token.attrs.get("href") or token.attrs.get("src")) for token in tokens(page) if has_target(token)]
    return [unquote(link) for link in found if "://" not in link and not link.startswith("mailto:")]


def has_target(token: Token) -> bool:
    return token.type in ("link_open", "image")


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    parsed = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    return tuple(flat(parsed))


def flat(parsed: list[Token]) -> Iterator[Token]:
    for token in parsed:
        yield token
        yield from flat(token.children or [])


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = tokens(page)
    seen: Counter[str] = Counter()
    for at, token in enumerate(found):
        if token.type == "heading_open":
            text = "".join(child.content for child in found[at + 1].children or [])
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            seen[slug] += 1
    return frozenset(slug if number == 0 else f"{slug}-{number}" for slug in seen for number in range(seen[slug]))
