from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import iteira_cli

from .scripted_daemon import ScriptedDaemon

SETTINGS = ("ITEIRA_", "OPENAI_", "TALKME_", "BASE_URL_TALKME", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")


@pytest.fixture(autouse=True)
def no_configuration_but_the_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory and no settings in the environment."""
    for name in list(os.environ):
        if name.startswith(SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(Path(iteira_cli.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def daemon() -> Iterator[ScriptedDaemon]:
    with ScriptedDaemon() as scripted:
        yield scripted


@pytest.fixture
def nobody() -> str:
    """An address at which nothing listens."""
    with ScriptedDaemon() as gone:
        return gone.url


@pytest.fixture
def minsk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader of local times lives in Minsk, three hours before UTC."""
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "Europe/Minsk")
        time.tzset()
        yield
    time.tzset()
