"""Every setting as Markdown, written from the settings and the commented example: `make docs`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from server.settings import Settings
from server.settings_sources import ALIASES

HEAD = """# Configuration

Written by `make docs` from the settings and [config.example.toml](../config.example.toml); a test fails when it is
stale.

`iteira config init` writes the first `config.toml` and `.env` by seven questions, `iteira config check` reads them as
the daemon would, `iteira config show` tells every value in force and where it comes from. An unknown name or a bad
value stops the start with a line that names file, key, value and what is expected.

A value is taken from the first of these that has one: a flag of the command, the environment, `.env`, `config.toml`
(or the file that `--config` or `ITEIRA_CONFIG` names), the default. In the environment and in `.env` a setting is
`ITEIRA_SECTION__KEY`: `ITEIRA_SERVER__PORT=8001`; lists are separated by commas. All times are seconds. Secrets
(marked *secret*) are better kept in `.env` or in the environment, and are shown nowhere. Who changes a setting starts
the daemon again; the knowledge folder is watched without that.

How the parts that they set work together: [architecture](architecture.md), [security](security.md), [the
consultant](consultant.md), [the knowledge base](knowledge.md), [Redis](redis.md).
"""
_SECTION = re.compile(r"^\[(\w+)\]$")
_SETTING = re.compile(r"^# (\w+) = (.*)$")
_PAGE = re.compile(r"\bdocs/(\w+\.md)")
_NUMBERS = {"integer": "a whole number", "number": "a number"}


@dataclass(slots=True)
class Group:
    """Settings that one comment of the example explains together."""

    said: list[str] = field(default_factory=list)
    defaults: dict[str, str] = field(default_factory=dict)
    """Key to its default, as TOML."""


def configuration() -> str:
    """The whole document."""
    example = files("server").joinpath("config.example.toml").read_text(encoding="utf-8")
    parts = [HEAD, *_sections(example), _together()]
    return "\n".join(parts).rstrip() + "\n"


def groups(example: str) -> dict[str, list[Group]]:
    """The example file by its sections."""
    found: dict[str, list[Group]] = {}
    section: list[Group] = []
    for line in example.splitlines():
        if begins := _SECTION.match(line):
            section = found.setdefault(begins[1], [])
        elif setting := _SETTING.match(line):
            section[-1].defaults[setting[1]] = setting[2]
        elif line.startswith("#"):
            if not section or section[-1].defaults:
                section.append(Group())
            section[-1].said.append(line.removeprefix("#").strip())
    return found


def _sections(example: str) -> Iterator[str]:
    for section, explained in groups(example).items():
        model = Settings.model_fields[section].default.__class__
        schema = model.model_json_schema()["properties"]
        yield f"## [{section}]\n"
        yield "| setting | default | expected | |\n| --- | --- | --- | --- |"
        for group in explained:
            yield _row(section, group, schema)
        yield ""


def _row(section: str, group: Group, schema: Mapping[str, Any]) -> str:
    aliases = {key: name for name, key in ALIASES.items()}
    also = [f"`{aliases[section, key]}`" for key in group.defaults if (section, key) in aliases]
    said = _PAGE.sub(r"[\g<0>](\1)", " ".join(group.said)) + (f" Also {', '.join(also)}." if also else "")
    cells = [
        "<br>".join(f"`{key}`" for key in group.defaults),
        "<br>".join(f"`{default}`" if default != '""' else "–" for default in group.defaults.values()),
        "<br>".join(expected(schema[key]) for key in group.defaults),
        said.replace("<", "&lt;"),
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def expected(schema: Mapping[str, Any]) -> str:
    """What may stand there, from the JSON schema of the setting."""
    kinds = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return " or ".join(dict.fromkeys(map(_kind, kinds)))


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("format") == "password":
        return "*secret*"
    if schema.get("format") == "path":
        return "a path"
    match schema.get("type"):
        case "boolean":
            return "`true` or `false`"
        case "array":
            return f"a list of {_kind(schema.get('items', {}))}"
        case "integer" | "number" as kind:
            return _range(schema) or _NUMBERS[kind]
    return "text"


def _range(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and "exclusiveMinimum" in schema:
        least = f"over {schema['exclusiveMinimum']:g}"
    if least is None or most is None:
        return f"at least {least}" if least is not None else ""
    return f"{least} to {most}"


def _together() -> str:
    lines = [f"- {line}" for line in Settings().time_budget()]
    return "\n".join(
        ["## What the times mean together\n", "With the defaults, as `iteira config check` says it:\n", *lines]
    )


if __name__ == "__main__":
    sys.stdout.write(configuration())
