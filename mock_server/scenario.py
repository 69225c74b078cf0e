"""Scenarios: calls written down in TOML, with what is expected of every answer."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mock_server.caller import Said

OPERATOR = "OPERATOR_REQUEST"


class ScenarioError(Exception):
    """A file that is no scenario; the text names file, place and what is expected."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Line(_Strict):
    """What the caller says, and what the answer to it must be. Words are compared without regard to case."""

    text: str = Field(min_length=1)
    contains: list[str] = []
    """All of these."""
    not_contains: list[str] = []
    """None of these."""
    ends: bool | None = None
    """Whether the bot leaves the dialog after it, in whatever way."""
    transfers: bool | None = None
    """Whether it leaves it to an operator."""
    latency_below: float | None = Field(None, gt=0)
    """Seconds until the last part of the answer."""


class Scenario(_Strict):
    """One call."""

    title: str = Field(min_length=1)
    phone: str | None = None
    name: str | None = None
    say: list[Line] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line: what was said, and what was wrong with it."""

    said: Said
    problems: tuple[str, ...]


def scenarios(path: Path) -> list[tuple[Path, Scenario]]:
    """The scenarios of a file, or of all `.toml` files of a folder in the order of their names.

    Raises `ScenarioError`.
    """
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise ScenarioError(f"{path}: a folder with .toml files is expected")
    return [(file, _read(file)) for file in files]


def judged(line: Line, said: Said) -> Outcome:
    """Whether the answer is what the line expects."""
    if said.error:
        return Outcome(said, (said.error,))
    heard = " ".join(said.replies)
    return Outcome(said, (*_words(line, heard), *_end(line, said)))


def _words(line: Line, heard: str) -> Sequence[str]:
    plain = _plain(heard)
    missing = [f"«{words}» is not in the answer" for words in line.contains if _plain(words) not in plain]
    unwanted = [f"«{words}» is in the answer" for words in line.not_contains if _plain(words) in plain]
    return missing + unwanted


def _end(line: Line, said: Said) -> Sequence[str]:
    problems = []
    if line.ends is not None and line.ends != said.end_conversation:
        problems.append("the dialog goes on" if line.ends else "the dialog is ended")
    if line.transfers is not None and line.transfers != (said.finish_code == OPERATOR):
        problems.append("nobody takes over" if line.transfers else "an operator takes over")
    if line.latency_below is not None and said.latency is not None and said.latency >= line.latency_below:
        problems.append(f"answered after {said.latency:.2f} s, expected below {line.latency_below:g} s")
    return problems


def _read(path: Path) -> Scenario:
    try:
        return Scenario.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: a readable file in UTF-8 is expected ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: TOML is expected: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ScenarioError(f"{path}: {place}: {first['msg']}") from None


def _plain(text: str) -> str:
    return text.lower().replace("ё", "е")
