from __future__ import annotations

import pytest

from iteira_cli import in_force
from server.settings import Settings
from server.settings_shown import masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///var/iteira.db", "sqlite:///var/iteira.db"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://user:sec/r@t@host/0", "rediss://user:***@host/0"),
        ("redis://user@host:6379/0", "redis://user@host:6379/0"),
        ("redis://host/0?db=1&password=secret&x=1", "redis://host/0?db=1&password=***&x=1"),
        ("redis://host:6379/0?password=sec@ret", "redis://host:6379/0?password=***"),
        ("sqlite:///var/a:b@c.db", "sqlite:///var/a:b@c.db"),
    ],
)
def test_the_password_of_a_store_is_masked_and_nothing_else(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("host", "tokens", "warned"),
    [
        ("127.0.0.1", [], False),
        ("localhost", [], False),
        ("::1", [], False),
        ("0.0.0.0", [], True),
        ("::", [], True),
        ("0.0.0.0", ["token-of-the-salon"], False),
    ],
)
def test_answering_everybody_on_every_address_is_warned_of(host: str, tokens: list[str], warned: bool) -> None:
    admin = {"token": "a-token-for-administrators"}
    settings = Settings.model_validate({"server": {"host": host}, "talkme": {"tokens": tokens}, "admin": admin})
    assert bool(in_force.warnings(settings)) == warned


def test_the_built_in_consultant_does_not_sound_as_if_it_were_down() -> None:
    assert in_force.configured_consultant(Settings()) == "offline (built-in, no AI model)"
    settings = Settings.model_validate({"agent": {"api_key": "a-key-of-ours", "model": "gpt-x"}})
    assert in_force.configured_consultant(settings) == "openai (model gpt-x)"
