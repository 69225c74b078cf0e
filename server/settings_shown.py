"""Settings as a person may see them: each with its origin, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from server.settings import load, names
from server.settings_sources import gather

PASSWORD = re.compile(r"(://[^:/@]*:).*@")
"""Of an address, up to the last @: a password need not be quoted as it should be."""
QUERY_PASSWORD = re.compile(r"([?&]password=)[^&]*")
"""Hidden before the other: an @ in it would be taken for the end of a user and his password."""


@dataclass(frozen=True, slots=True)
class InForce:
    """One setting as it is: `section.key`, its value as one would write it, and where that comes from.

    A secret is told as `(set)`, an address without its password.
    """

    name: str
    value: object
    origin: str


def in_force(config: Path | None = None, flags: Mapping[str, object] | None = None) -> list[InForce]:
    """Every setting, in the order of the documentation. Raises as `load`."""
    settings = load(config, flags)
    _, origins = gather(config, flags or {})
    found = []
    for name in names():
        section, key = name.split(".")
        value = getattr(getattr(settings, section), key)
        found.append(InForce(name, _shown(value), origins.get((section, key), "default")))
    return found


def _shown(value: object) -> object:
    match value:
        case SecretStr():
            return "(set)"
        case list():
            return [_shown(each) for each in value]
        case Path():
            return str(value)
        case str():
            return masked(value)
    return value


def masked(address: str) -> str:
    """An address without the password that may be in it."""
    return PASSWORD.sub(r"\1***@", QUERY_PASSWORD.sub(r"\1***", address))
