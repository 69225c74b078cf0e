"""Markdown: split at headings, and long sections at paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from server.knowledge.base import Document
from server.knowledge.loaders import text

LONGEST = 800
"""Characters in a piece of a section, unless a single paragraph or list item is longer. The embedding model reads at
most 512 tokens, about 1500 Russian characters, and tells shorter texts apart better."""


def load(path: Path) -> list[Document]:
    """A document for each section, or for each piece of a long one; its text begins with the heading path."""
    source = text.read(path)
    return [
        Document("\n".join([" – ".join(headings), piece]), path.name, headings[-1])
        for headings, blocks in _sections(source, path.stem)
        for piece in _pieces(blocks)
    ]


def _sections(source: str, title: str) -> Iterator[tuple[list[str], list[str]]]:
    """Heading path and blocks of each section that has any; what comes before the first heading is under `title`."""
    lines = source.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    path: dict[int, str] = {}
    blocks: list[str] = []
    for at, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            if blocks:
                yield list(path.values()) or [title], blocks
            depth = int(token.tag[1:])
            path = {above: text for above, text in path.items() if above < depth} | {
                depth: tokens[at + 1].content.strip()
            }
            blocks = []
        elif token.map is not None and _is_block(token):
            blocks.append("\n".join(lines[slice(*token.map)]).strip())
    if blocks:
        yield list(path.values()) or [title], blocks


def _is_block(token: Token) -> bool:
    """Whether it opens something that stays in one piece: a list may be long, so its items are taken singly."""
    if token.level == 0:
        return token.type != "hr" and not token.type.endswith("list_open")
    return token.level == 1 and token.type == "list_item_open"


def _pieces(blocks: list[str]) -> Iterator[str]:
    """The blocks put together again into pieces of at most `LONGEST` characters where that is possible."""
    piece = blocks[0]
    for block in blocks[1:]:
        if len(piece) + len(block) > LONGEST:
            yield piece
            piece = block
        else:
            piece = f"{piece}\n\n{block}"
    yield piece
