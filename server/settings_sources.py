"""Where settings come from: flags, environment, `.env` and TOML, laid over each other, each value with its origin.

A thin layer of our own, since the start must be able to say which file or variable a bad value stands in.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

from server.errors import SettingsError

Key = tuple[str, ...]
Origins = dict[Key, str]
Layer = Iterator[tuple[str, str, object, str]]
"""Section, key, value, origin."""

DOTENV = Path(".env")
PREFIX = "ITEIRA_"
ALIASES = {
    "BASE_URL_TALKME": ("talkme", "base_url"),
    "TALKME_TOKENS": ("talkme", "tokens"),
    "OPENAI_API_KEY": ("agent", "api_key"),
    "OPENAI_BASE_URL": ("agent", "base_url"),
    "OPENAI_MODEL": ("agent", "model"),
}
"""Documented names that other programs use too. `ITEIRA_…` names in the same place win over them."""
OTHER_NAMES = ("ITEIRA_CONFIG", "ITEIRA_URL")
"""Names of the command line, which are no settings."""

OPTIONS = {"store.url": "store", "knowledge.path": "knowledge"}
"""What the command line calls a setting where that is not its key."""


def gather(config: Path | None, flags: Mapping[str, object]) -> tuple[dict[str, dict[str, object]], Origins]:
    """All layers merged, later ones over earlier ones, and the origin of each value."""
    values: dict[str, dict[str, object]] = {}
    origins: Origins = {}
    dotenv = _dotenv()
    config = config or _configured(dotenv)
    for layer in (
        _toml(config),
        _variables(dotenv, ".env"),
        _variables(os.environ, "environment"),
        _flags(flags),
    ):
        for section, key, value, origin in layer:
            values.setdefault(section, {})[key] = value
            origins[section, key] = origins[section,] = origin
    return values, origins


def suggestion(name: str, known: list[str]) -> str:
    """`; did you mean …?` for a name that is nearly one of the known, else nothing."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _dotenv() -> dict[str, str]:
    """The variables of `.env` that have a value. Raises `SettingsError` for a line that is none."""
    if not DOTENV.exists():
        return {}
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        text = DOTENV.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{DOTENV}: cannot be read: {error}") from None
    wrong = [str(line.original.line) for line in parse_stream(StringIO(text)) if line.error]
    if wrong:
        raise SettingsError(f"{DOTENV}: line {', '.join(wrong)}: expected NAME=value")
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value}


def _configured(dotenv: Mapping[str, str]) -> Path | None:
    named = os.environ.get("ITEIRA_CONFIG") or dotenv.get("ITEIRA_CONFIG")
    if named:
        return Path(named)
    return Path("config.toml") if Path("config.toml").exists() else None


def _toml(path: Path | None) -> Layer:
    if path is None:
        return
    import tomllib

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; copy config.example.toml or leave the option out") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {section} is no [section] with keys below it; see config.example.toml")
        yield from ((section, key, value, str(path)) for key, value in table.items())


def files_read(config: Path | None) -> list[str]:
    """The files that `gather` takes values from. Raises `SettingsError` for one that it cannot find the others by."""
    named = config or _configured(_dotenv())
    return [str(path) for path in (named, DOTENV) if path and path.exists()]


def _check_names(variables: Mapping[str, str], place: str) -> None:
    """A name that is nearly one of ours would be ignored in silence. Raises `SettingsError`."""
    known = [*ALIASES, *OTHER_NAMES]
    for name in variables:
        if name.startswith(PREFIX) and "__" not in name and name not in OTHER_NAMES:
            meant = PREFIX + name.removeprefix(PREFIX).replace("_", "__", 1)
            raise SettingsError(f"{place} {name} is not a setting; did you mean {meant}?")
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.92)
        if near and name not in known:
            raise SettingsError(f"{place} {name} is not a setting; did you mean {near[0]}?")


def _variables(variables: Mapping[str, str], place: str) -> Layer:
    _check_names(variables, place)
    for name, (section, key) in ALIASES.items():
        if variables.get(name):
            yield section, key, variables[name], f"{place} {name}"
    for name, value in variables.items():
        if value and name.startswith(PREFIX) and "__" in name:
            section, key = name.removeprefix(PREFIX).lower().split("__", 1)
            yield section, key, value, f"{place} {name}"


def _flags(flags: Mapping[str, object]) -> Layer:
    for name, value in flags.items():
        if value is not None:
            section, key = name.split(".")
            yield section, key, value, f"option --{OPTIONS.get(name) or key.replace('_', '-')}"
