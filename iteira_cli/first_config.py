"""The first configuration of an installation: the commented example with the answers put in, and secrets beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

SECRETS = {
    "talkme.tokens": "TALKME_TOKENS",
    "agent.api_key": "OPENAI_API_KEY",
    "admin.token": "ITEIRA_ADMIN__TOKEN",
}
"""Settings that are kept in `.env`, under the name they have there."""


def commented(answers: Mapping[str, str]) -> str:
    """The example file with these settings (`section.key`) uncommented."""
    section, lines = "", []
    for line in files("server").joinpath("config.example.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        setting = re.match(r"# (\w+) = ", line)
        answer = answers.get(f"{section}.{setting[1]}") if setting else None
        lines.append(f"{setting[1]} = {json.dumps(answer, ensure_ascii=False)}" if setting and answer else line)
    return "\n".join(lines) + "\n"


def write(config: Path, dotenv: Path, answers: Mapping[str, str]) -> list[Path]:
    """Write both files, `.env` only where there is a secret; which ones were written."""
    plain = {name: value for name, value in answers.items() if name not in SECRETS and value}
    secret = {SECRETS[name]: value for name, value in answers.items() if name in SECRETS and value}
    config.write_text(commented(plain), encoding="utf-8")
    if not secret:
        return [config]
    _add(dotenv, "".join(f"{name}={value}\n" for name, value in secret.items()))
    return [config, dotenv]


def _add(dotenv: Path, lines: str) -> None:
    """To what is there, whose last line may have no end. The file is for its owner alone, unless somebody has thought
    of who reads it: a group may have been let in, but never everybody."""
    dotenv.touch(mode=0o600)
    if dotenv.stat().st_mode & 0o007:
        dotenv.chmod(0o600)
    before = dotenv.read_bytes()
    with dotenv.open("a", encoding="utf-8") as file:
        file.write(f"\n{lines}" if before and not before.endswith(b"\n") else lines)
