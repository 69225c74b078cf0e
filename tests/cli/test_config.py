from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from iteira_cli.first_config import write
from server.settings import Settings, load

from .terminal import iteira, iteira_on_terminal


@pytest.fixture(autouse=True)
def knowledge(tmp_path: Path) -> Path:
    folder = tmp_path / "knowledge"
    folder.mkdir()
    return folder


@pytest.fixture
def contradiction(tmp_path: Path) -> str:
    (tmp_path / "bad.toml").write_text('[server]\nport = "many"\nprot = 1\n')
    return "bad.toml"


def test_a_usable_configuration_is_shown_with_its_time_budget() -> None:
    shown = iteira("config", "check", ITEIRA_SERVER__PORT="8123")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[0] == "Read: no file (defaults, environment and flags alone)"
    assert "OK  The daemon listens on 127.0.0.1:8123." in lines
    assert "OK  Callers are answered by the consultant offline (built-in, no AI model)." in lines
    budget = load().time_budget()
    assert lines[-len(budget) :] == budget


def test_secrets_are_not_shown() -> None:
    secrets = {
        "ITEIRA_ADMIN__TOKEN": "an-admin-token-of-ours",
        "TALKME_TOKENS": "a-webhook-token",
        "OPENAI_API_KEY": "a-key-of-ours",
        "OPENAI_MODEL": "gpt-x",
        "ITEIRA_STORE__URL": "redis://:a-password@host:6379/0",
    }
    shown = iteira("config", "check", **secrets)
    assert shown.returncode == 0, shown.stderr
    hidden = ["an-admin-token-of-ours", "a-webhook-token", "a-key-of-ours", "a-password"]
    assert not [secret for secret in hidden if secret in shown.stdout + shown.stderr]
    assert "Messages are kept in redis://:***@host:6379/0." in shown.stdout
    assert "the consultant openai (model gpt-x)" in shown.stdout
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
    budget = load().time_budget()
    expected = {"ok": True, "read": [], "problems": [], "warnings": [], "time_budget": budget}
    assert json.loads(good.stdout) == expected
    bad = iteira("--config", contradiction, "config", "check", "--json")
    assert (bad.returncode, bad.stderr) == (1, "")
    document = json.loads(bad.stdout)
    assert document["ok"] is False
    assert len(document["problems"]) == 2
    assert document["time_budget"] == []


def test_the_files_that_were_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text("[server]\nport = 8123\n")
    (tmp_path / ".env").write_text("OPENAI_MODEL=gpt-x\n")
    shown = iteira("--config", "ours.toml", "config", "check")
    assert shown.stdout.splitlines()[0] == "Read: ours.toml, .env"
    assert json.loads(iteira("--config", "ours.toml", "config", "check", "--json").stdout)["read"] == [
        "ours.toml",
        ".env",
    ]


def test_a_missing_knowledge_folder_is_a_problem(knowledge: Path) -> None:
    knowledge.rmdir()
    shown = iteira("config", "check")
    assert shown.returncode == 1
    assert "Error: knowledge.path = 'knowledge': no such folder" in shown.stderr
    document = json.loads(iteira("config", "check", "--json").stdout)
    assert document["ok"] is False
    assert len(document["problems"]) == 1


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shown = iteira(
        "config", "check", ITEIRA_LOGGING__DIR="file/logs", ITEIRA_STORE__URL=f"sqlite:///{tmp_path}/file/iteira.db"
    )
    assert shown.returncode == 1
    first, second = shown.stderr.splitlines()
    assert first.startswith("Error: logging.dir = 'file/logs': not writable")
    assert second.startswith(f"Error: store.url = 'sqlite:///{tmp_path}/file/iteira.db': its folder is not writable")


def test_a_daemon_open_to_everybody_is_warned_of() -> None:
    shown = iteira("config", "check", ITEIRA_SERVER__HOST="0.0.0.0")
    assert shown.returncode == 0
    assert "every address of this machine" in shown.stdout
    assert shown.stderr.startswith("Warning: `iteira serve` refuses to listen on 0.0.0.0 without admin.token")
    assert "Warning: the daemon listens on 0.0.0.0 and answers any token" in shown.stderr


def test_a_company_that_is_greeted_for_as_another_is_warned_of() -> None:
    shown = iteira("config", "check", ITEIRA_COMPANY__NAME="Ромашка", ITEIRA_COMPANY__ABOUT="салон в Гродно")
    assert (
        "Warning: company.name = 'Ромашка', but company.greeting still speaks of «Итейра»: set it too" in shown.stderr
    )
    assert "company" not in iteira("config", "check").stderr


def test_a_first_configuration_is_the_explained_example_and_is_usable(tmp_path: Path) -> None:
    assert iteira("config", "init", "--defaults").returncode == 0
    assert "# How long one turn may take" in (tmp_path / "config.toml").read_text(encoding="utf-8")
    assert load() == Settings()
    again = iteira("config", "init", "--defaults")
    assert (again.returncode, "config.toml is there already" in again.stderr) == (1, True)


def test_seven_questions_make_a_configuration_and_secrets_are_kept_apart(tmp_path: Path) -> None:
    answers = [
        "Северина",
        "сеть бань",
        "",
        "https://lcab.talk-me.ru/json/v1.0/",
        "token-of-the-salon",
        "sk-1",
        "knowledge",
    ]
    shown = iteira_on_terminal("config", "init", types="".join(f"{answer}\n" for answer in answers))
    assert shown.returncode == 0, shown.stdout
    settings = load()
    assert (settings.company.name, settings.company.about) == ("Северина", "сеть бань")
    assert settings.company.greeting == "Здравствуйте! Это «Северина». Чем могу помочь?"
    assert settings.talkme.base_url == "https://lcab.talk-me.ru/json/v1.0/"
    assert [token.get_secret_value() for token in settings.talkme.tokens] == ["token-of-the-salon"]
    assert "token-of-the-salon" not in (tmp_path / "config.toml").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


@pytest.mark.parametrize(("mode", "then"), [(0o644, 0o600), (0o600, 0o600), (0o640, 0o640)])
def test_secrets_are_added_to_those_that_are_there_and_not_everybody_may_read_them(
    tmp_path: Path, mode: int, then: int
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("SMTP_PASSWORD=abc")
    dotenv.chmod(mode)
    write(tmp_path / "config.toml", dotenv, {"talkme.tokens": "token-of-the-salon"})
    write(tmp_path / "config.toml", dotenv, {"agent.api_key": "a-key-of-ours"})
    assert dotenv.read_text() == ("SMTP_PASSWORD=abc\nTALKME_TOKENS=token-of-the-salon\nOPENAI_API_KEY=a-key-of-ours\n")
    assert stat.S_IMODE(dotenv.stat().st_mode) == then


def test_an_answer_that_cannot_be_used_is_asked_for_again() -> None:
    answers = ["", "", "", "salon.by/api", "https://salon.by/api/", "short", "token-of-the-salon", "", ""]
    shown = iteira_on_terminal("config", "init", types="".join(f"{answer}\n" for answer in answers))
    assert shown.returncode == 0, shown.stdout
    assert "talkme.base_url = 'salon.by/api': expected an address that starts with http" in shown.stdout
    assert "talkme.tokens = (hidden): expected at least 10 characters" in shown.stdout
    assert load().talkme.base_url == "https://salon.by/api/"


def test_without_a_terminal_nothing_is_asked() -> None:
    shown = iteira("config", "init")
    assert (shown.returncode, "--defaults" in shown.stderr) == (2, True)


def test_every_setting_is_shown_with_where_it_comes_from_and_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[server]\nport = 8001\n")
    secrets = {"OPENAI_API_KEY": "a-key-of-ours"}
    store = {"ITEIRA_STORE__URL": "redis://:a-password@host:6379/0"}
    shown = iteira("--config", "mine.toml", "config", "show", "--json", **secrets, **store)
    settings = {each["name"]: (each["value"], each["origin"]) for each in json.loads(shown.stdout)["settings"]}
    assert settings["server.port"] == (8001, "mine.toml")
    assert settings["agent.api_key"] == ("(set)", "environment OPENAI_API_KEY")
    assert settings["store.url"] == ("redis://:***@host:6379/0", "environment ITEIRA_STORE__URL")
    assert settings["store.lease"] == (10, "default")
    plain = iteira("config", "show", **secrets, ITEIRA_STORE__URL="redis://host:6379/0?password=a-password")
    assert "a-key-of-ours" not in plain.stdout
    assert "a-password" not in plain.stdout
    assert "store.lease" in plain.stdout
