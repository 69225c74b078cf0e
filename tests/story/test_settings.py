"""Where settings come from, and how a start is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from server.errors import SettingsError
from server.settings import Settings, load, names
from server.settings_together import unencrypted


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and none of our variables."""
    import os

    for name in list(os.environ):
        if name.startswith(("ITEIRA_", "OPENAI_", "TALKME_")) or name == "BASE_URL_TALKME":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(config: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(config)
    return str(refused.value).splitlines()


def test_without_any_configuration_the_documented_defaults_hold() -> None:
    settings = load()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert (settings.server.message_timeout, settings.server.reply_wait, settings.server.stale_after) == (30, 25, 120)
    assert (settings.talkme.timeout, settings.talkme.typing, settings.talkme.attempts) == (10, 15, 3)
    assert (settings.store.url, settings.store.lease) == ("sqlite:///var/iteira.db", 10)
    assert settings.agent.consultant == "offline"


def test_flags_win_over_environment_over_dotenv_over_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "config.toml").write_text("[server]\nport = 1001\nhost = 'file'\nworkers = 2\nreply_wait = 3\n")
    (elsewhere / ".env").write_text("ITEIRA_SERVER__PORT=1002\nITEIRA_SERVER__HOST=dotenv\nITEIRA_SERVER__WORKERS=3\n")
    monkeypatch.setenv("ITEIRA_SERVER__PORT", "1003")
    monkeypatch.setenv("ITEIRA_SERVER__HOST", "environment")
    server = load(flags={"server.port": 1004, "server.host": None}).server
    assert (server.port, server.host, server.workers, server.reply_wait) == (1004, "environment", 3, 3)


def test_the_documented_names_work_and_our_own_win_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_URL_TALKME", "https://lcab.talk-me.ru/json/v1.0")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    monkeypatch.setenv("OPENAI_MODEL", "theirs")
    monkeypatch.setenv("ITEIRA_AGENT__MODEL", "ours")
    monkeypatch.setenv("TALKME_TOKENS", "first-token, second-token")
    settings = load()
    assert settings.talkme.base_url == "https://lcab.talk-me.ru/json/v1.0/"
    assert [token.get_secret_value() for token in settings.talkme.tokens] == ["first-token", "second-token"]
    assert (settings.agent.consultant, settings.agent.model) == ("openai", "ours")
    assert settings.agent.base_url == "http://localhost:11434/v1/"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert load().agent.consultant == "offline"


def test_an_unknown_key_stops_the_start_and_names_its_neighbour(elsewhere: Path) -> None:
    config = elsewhere / "mine.toml"
    config.write_text("[server]\nprot = 8001\n[srever]\nport = 1\n")
    assert refusal(config) == [
        f"{config}: server.prot is not a setting; did you mean server.port?",
        f"{config}: srever is not a setting; did you mean server?",
    ]


def test_a_bad_value_is_named_with_its_origin_and_what_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITEIRA_SERVER__PORT", "many")
    (line,) = refusal()
    assert line.startswith("environment ITEIRA_SERVER__PORT: server.port = 'many': expected a valid integer")


@pytest.mark.parametrize(
    ("name", "meant"), [("TALKME_TOKEN", "TALKME_TOKENS"), ("ITEIRA_SERVER_PORT", "ITEIRA_SERVER__PORT")]
)
def test_a_variable_that_is_nearly_ours_is_not_ignored(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    (elsewhere / ".env").write_text(f"{name}=8001\n")
    assert refusal() == [f".env {name} is not a setting; did you mean {meant}?"]
    (elsewhere / ".env").unlink()
    monkeypatch.setenv(name, "8001")
    assert refusal() == [f"environment {name} is not a setting; did you mean {meant}?"]


def test_a_file_with_a_byte_order_mark_is_read(elsewhere: Path) -> None:
    (elsewhere / "config.toml").write_bytes("\ufeff[server]\nport = 1001\n".encode())
    assert load().server.port == 1001


def test_a_secret_is_not_repeated_in_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKME_TOKENS", "secret")
    monkeypatch.setenv("ITEIRA_ADMIN__TOKEN", "secret")
    lines = refusal()
    assert len(lines) == 2
    assert all("secret" not in line and "expected at least" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[server]\nreply_wait = 30\n", "server.reply_wait = 30 must be less than server.message_timeout = 30"),
        ("[talkme]\ntimeout = 31\n", "talkme.timeout = 31 must not be more than"),
        ("[server]\nstale_after = 20\n", "server.stale_after = 20 must be more than server.reply_wait"),
        ("[agent]\nprovider = 'openai'\n", "agent.provider = openai needs agent.api_key"),
        ("[knowledge]\nembedder = 'openai'\n", "knowledge.embedder = openai needs agent.api_key"),
        ("[agent]\ntimeout = 30\n", "agent.timeout = 30 must be less than server.message_timeout = 30"),
        ("[server]\nworkers = 2\n[store]\nurl = 'memory://'\n", "server.workers = 2 needs a store"),
        ("[store]\nurl = 'mysql://x'\n", "store.url = 'mysql://x': expected sqlite:///"),
        ("[talkme]\nbase_url = 'talkme.ru'\n", "expected an address that starts with http"),
        ("[talkme]\nbase_url = 'ftp://talkme.ru/'\n", "talkme.base_url = 'ftp://talkme.ru/': expected an address that"),
        (
            "[talkme]\nbase_url = 'https://me:pass@talkme.ru'\n",
            "talkme.base_url = (hidden): expected an address without user",
        ),
        (
            "[agent]\nbase_url = 'https://api.by/v1?key=pass'\n",
            "agent.base_url = (hidden): expected an address in Latin letters",
        ),
        ("[agent]\nbase_url = 'https://api.by:99999/v1'\n", "expected a port from 1 to 65535"),
        (
            "[agent]\nsecond_model = 'x'\nsecond_base_url = 'https://'\n",
            "agent.second_base_url = 'https://': expected an",
        ),
        ("[store]\nlease = 200\n", "store.lease = 200 must be less than server.stale_after = 120"),
        ("[server]\nrole = 'worker'\n[store]\nurl = 'memory://'\n", "server.role = worker needs a store"),
        ("[server]\nport = true\n", "server.port = True: expected a value, not true or false"),
        ("[company]\nregion = 'ZZ'\n", "company.region = 'ZZ': expected a country in two capital letters"),
        ("[agent]\napi_key = 'sk-ключ'\n", "agent.api_key = (hidden): expected at least 1 characters: Latin letters"),
        ("server = 5\n", "server is no [section]"),
        ("[server\n", "not valid TOML"),
    ],
)
def test_settings_that_cannot_work_together_or_alone_are_refused(elsewhere: Path, text: str, named: str) -> None:
    config = elsewhere / "mine.toml"
    config.write_text(text)
    (line,) = refusal(config)
    assert str(config) in line
    assert named in line


def test_a_line_of_dotenv_that_sets_nothing_is_refused_and_not_passed_over(elsewhere: Path) -> None:
    (elsewhere / ".env").write_text('OPENAI_MODEL=mine\nTALKME_TOKENS "token-of-the-salon"\n')
    assert refusal() == [".env: line 2: expected NAME=value"]


def test_a_file_that_was_named_must_be_there(elsewhere: Path) -> None:
    (line,) = refusal(elsewhere / "nowhere.toml")
    assert "no such file" in line


def test_the_time_budget_says_what_the_limits_mean_in_seconds() -> None:
    lines = " ".join(load(flags={"talkme.attempts": 5, "agent.api_key": "sk-1"}).time_budget())
    assert "5 attempts x 10 s = 50 s" in lines
    assert "the answer may take 15 s, and the 15 s that are left then are enough for 1 whole attempt." in lines
    assert "are enough for 2 whole attempts" in " ".join(load().time_budget()), "pauses leave no room for the third"
    assert "they do not all happen" not in " ".join(load(flags={"talkme.attempts": 2}).time_budget())


def test_the_time_budget_counts_what_all_models_together_may_take() -> None:
    def told(**agent: object) -> str:
        flags = {f"agent.{key}": value for key, value in {"api_key": "sk-1", **agent}.items()}
        return " ".join(load(flags=flags).time_budget())

    assert "the answer may take 22 s, and the 8 s that are left then are enough for 0 whole" in told(second_model="b")
    assert "the answer may take 10 s, and the 20 s" in told(second_model="b", timeout=5)
    assert "the answer may take 22 s, and the 8 s" in told(timeout=29), "for the rest of the turn something is left"


def test_the_example_file_explains_every_setting_with_its_default() -> None:
    example = Path(__file__).parents[2] / "config.example.toml"
    documented = {}
    section = ""
    for line in example.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("# ") and " = " in line and line[2:].split(" = ")[0].isidentifier():
            documented.update({f"{section}.{key}": value for key, value in tomllib.loads(line[2:]).items()})
    assert sorted(documented) == sorted(names())
    as_documented: dict[str, dict[str, object]] = {}
    for name, value in documented.items():
        section, key = name.split(".")
        if value != "":
            as_documented.setdefault(section, {})[key] = value
    assert Settings.model_validate(as_documented) == Settings()


def test_an_address_outside_of_this_machine_without_tls_is_warned_of() -> None:
    flags = {"talkme.base_url": "http://talkme.local/", "agent.base_url": "http://[::1]:11434/v1"}
    (warning,) = unencrypted(load(flags=flags))
    assert warning.startswith("talkme.base_url = http://talkme.local/: without TLS")
    assert unencrypted(load(flags={"talkme.base_url": "http://127.0.0.1:5001/"})) == []
