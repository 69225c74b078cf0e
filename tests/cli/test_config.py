from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.settings import load

from .terminal import iteira


@pytest.fixture
def contradiction(tmp_path: Path) -> str:
    (tmp_path / "bad.toml").write_text('[server]\nport = "many"\nprot = 1\n')
    return "bad.toml"


def test_a_usable_configuration_is_shown_with_its_time_budget() -> None:
    shown = iteira("config", "check", ITEIRA_SERVER__PORT="8123")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert "OK  The daemon listens on 127.0.0.1, port 8123." in lines
    budget = load().time_budget()
    assert lines[-len(budget) :] == budget


def test_secrets_are_not_shown() -> None:
    secrets = {
        "ITEIRA_ADMIN__TOKEN": "an-admin-token-of-ours",
        "TALKME_TOKENS": "a-webhook-token",
        "OPENAI_API_KEY": "a-key-of-ours",
    }
    shown = iteira("config", "check", **secrets)
    assert shown.returncode == 0, shown.stderr
    assert not [secret for secret in secrets.values() if secret in shown.stdout + shown.stderr]
    assert "whoever has the admin token" in shown.stdout
    assert "Webhook tokens allowed: 1." in shown.stdout


def test_every_problem_is_a_line_on_stderr(contradiction: str) -> None:
    shown = iteira("--config", contradiction, "config", "check")
    assert (shown.returncode, shown.stdout) == (1, "")
    first, second = sorted(shown.stderr.splitlines())
    assert first.startswith("Error: bad.toml: server.port = 'many'")
    assert second.startswith("Error: bad.toml: server.prot is not a setting")


def test_json_says_the_same(contradiction: str) -> None:
    good = iteira("config", "check", "--json")
    assert good.returncode == 0
    assert json.loads(good.stdout) == {"ok": True, "problems": [], "time_budget": load().time_budget()}
    bad = iteira("--config", contradiction, "config", "check", "--json")
    assert (bad.returncode, bad.stderr) == (1, "")
    document = json.loads(bad.stdout)
    assert document["ok"] is False
    assert len(document["problems"]) == 2
    assert document["time_budget"] == []
