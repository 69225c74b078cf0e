"""`iteira doctor`: it sees what is wrong, and says what mends it."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.stores.sqlite.schema import MIGRATIONS, migrate
from tests.workbooks import write_workbook

from .documents import HEALTH, STATS
from .scripted_daemon import ScriptedDaemon
from .terminal import iteira

TYPING = "POST /customBot/simulateTyping"
MODELS = "GET /v1/models"
TAKEN = (200, {"success": True, "result": {}})


@pytest.fixture(autouse=True)
def _all_is_well(daemon: ScriptedDaemon, tmp_path: Path) -> None:
    write_workbook(tmp_path / "knowledge" / "Прайс.xlsx")
    daemon.answers[TYPING] = TAKEN
    daemon.answers[MODELS] = (200, {"data": [{"id": "gpt-4o-mini"}]})
    daemon.answers["GET /webhook/talkme/health"] = (200, HEALTH)
    daemon.answers["GET /webhook/talkme/stats"] = (200, STATS)
    daemon.answers["POST /webhook/talkme"] = (400, {"error": "Поле тело запроса: ожидается объект JSON"})


def doctor(daemon: ScriptedDaemon, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    names = {
        "BASE_URL_TALKME": daemon.url,
        "TALKME_TOKENS": "token-of-the-salon",
        "OPENAI_API_KEY": "sk-for-tests",
        "OPENAI_BASE_URL": f"{daemon.url}/v1",
    }
    return iteira("doctor", "--url", daemon.url, *arguments, **names | environment)


def findings(daemon: ScriptedDaemon, *arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    shown = doctor(daemon, "--json", *arguments, **environment)
    document = json.loads(shown.stdout)
    assert document["ok"] is (shown.returncode == 0)
    return {each["name"]: each for each in document["findings"]}


def test_where_nothing_is_wrong_it_says_so(daemon: ScriptedDaemon) -> None:
    well = {part: {"status": "ok", "detail": ""} for part in HEALTH["checks"]}
    daemon.answers["GET /webhook/talkme/health"] = (200, HEALTH | {"checks": well})
    shown = doctor(daemon, "--public-url", daemon.url)
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stdout
    assert shown.stdout.splitlines()[-1] == "Nothing is wrong that could be seen."
    assert "token-of-the-salon" not in shown.stdout
    typing = next(seen for seen in daemon.seen if seen.path == "/customBot/simulateTyping")
    assert typing.headers["x-token"] == "token-of-the-salon"


def test_what_works_and_is_to_be_mended_is_not_called_nothing(daemon: ScriptedDaemon) -> None:
    shown = doctor(daemon)
    assert (shown.returncode, "knowledge: no embedder" in shown.stdout) == (0, True)
    assert re.fullmatch(r"Of \d+ checks none failed; 1 found something to mend\.", shown.stdout.splitlines()[-1])


def test_a_model_that_is_known_when_asked_for_need_not_be_listed(daemon: ScriptedDaemon) -> None:
    daemon.answers[MODELS] = (200, {"data": [{"id": "another"}]})
    daemon.answers[f"{MODELS}/gpt-4o-mini"] = (200, {"id": "gpt-4o-mini"})
    assert findings(daemon)["model provider"]["status"] == "ok"


def test_the_talkme_looked_at_is_the_one_that_the_running_daemon_uses(daemon: ScriptedDaemon, nobody: str) -> None:
    daemon.answers["GET /webhook/talkme/stats"] = (200, STATS | {"talkme": f"{daemon.url}/"})
    finding = findings(daemon, BASE_URL_TALKME=nobody)["TalkMe"]
    assert finding["status"] == "ok"
    assert finding["detail"].endswith(f"the running daemon uses it, while talkme.base_url is {nobody}/")


@pytest.mark.parametrize(
    ("path", "answer", "name", "mend"),
    [
        (TYPING, (401, {}), "TalkMe's token", "copy it anew"),
        (TYPING, (200, {"success": False, "error": {"descr": "Неверный токен"}}), "TalkMe's token", "copy it anew"),
        (TYPING, (404, {}), "TalkMe", "BASE_URL_TALKME"),
        (MODELS, (401, {}), "model provider", "OPENAI_API_KEY"),
        (MODELS, (200, {"data": [{"id": "another"}]}), "model provider", "to one of: another"),
        ("GET /webhook/talkme/stats", (401, {"error": "no"}), "administration", "ITEIRA_ADMIN__TOKEN"),
        ("GET /webhook/talkme/stats", (403, {"error": "not from there"}), "administration", "from an address that may"),
        ("POST /webhook/talkme", (404, {}), "way in", "let the proxy pass"),
    ],
)
def test_what_is_wrong_outside_is_named_with_what_mends_it(
    daemon: ScriptedDaemon, path: str, answer: tuple[int, dict[str, Any]], name: str, mend: str
) -> None:
    daemon.answers[path] = answer
    finding = findings(daemon, "--public-url", daemon.url)[name]
    assert finding["status"] == "failed"
    assert mend in finding["mend"]


def test_a_part_of_the_daemon_that_is_ill_is_named(daemon: ScriptedDaemon) -> None:
    ill = {"status": "unavailable", "detail": "SQLite: database or disk is full"}
    daemon.answers["GET /webhook/talkme/health"] = (503, HEALTH | {"status": "unavailable", "checks": {"store": ill}})
    finding = findings(daemon)["daemon: store"]
    assert (finding["status"], finding["detail"]) == ("failed", ill["detail"])


def test_nobody_at_talkmes_address_is_a_failed_connection(daemon: ScriptedDaemon, nobody: str) -> None:
    finding = findings(daemon, BASE_URL_TALKME=nobody)["TalkMe"]
    assert "the connection fails" in finding["detail"]
    assert "no such name" in findings(daemon, BASE_URL_TALKME="https://nowhere.invalid/")["TalkMe"]["detail"]


def test_a_port_that_somebody_else_holds_is_named_with_its_holder(daemon: ScriptedDaemon, nobody: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shown = iteira("doctor", "--json", "--url", nobody, ITEIRA_SERVER__PORT=str(port), BASE_URL_TALKME=daemon.url)
    found = {each["name"]: each for each in json.loads(shown.stdout)["findings"]}
    assert found[f"port {port}"]["status"] == "failed"
    assert "holds it" in found[f"port {port}"]["detail"]
    assert found["daemon"]["mend"] == "start it: `iteira serve`"


def test_a_store_of_an_older_version_is_looked_at_and_left_as_it_is(
    daemon: ScriptedDaemon, nobody: str, tmp_path: Path
) -> None:
    path = tmp_path / "iteira.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, MIGRATIONS[:1])
    before = path.read_bytes()
    found = findings(daemon, "--url", nobody, ITEIRA_STORE__URL=f"sqlite:///{path}")
    assert found["store"]["status"] == "ok"
    assert path.read_bytes() == before


def test_a_damaged_store_and_a_broken_file_are_named(daemon: ScriptedDaemon, nobody: str, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 100)
    (tmp_path / "knowledge" / "Кривой.xlsx").write_bytes(b"no workbook")
    shown = iteira(
        "doctor",
        "--json",
        "--url",
        nobody,
        ITEIRA_STORE__URL="sqlite:///broken.db",
        BASE_URL_TALKME=daemon.url,
    )
    found = {each["name"]: each for each in json.loads(shown.stdout)["findings"]}
    assert "left as it was" in found["store"]["detail"] or "left as it is" in found["store"]["detail"]
    assert found["knowledge files"]["status"] == "warning"
    assert "Кривой.xlsx" in found["knowledge files"]["detail"]


def test_a_daemon_that_nobody_guards_is_named_unless_it_was_told_so(daemon: ScriptedDaemon) -> None:
    found = findings(daemon, ITEIRA_SERVER__HOST="0.0.0.0")["server.host"]
    assert (found["status"], "refuses to start" in found["detail"]) == ("failed", True)
    told = findings(daemon, ITEIRA_SERVER__HOST="0.0.0.0", ITEIRA_SERVER__INSECURE="true")["server.host"]
    assert told["status"] == "warning"


def test_settings_that_cannot_be_used_are_the_first_finding_and_the_last() -> None:
    shown = iteira("doctor", ITEIRA_SERVER__PORT="many")
    assert shown.returncode == 1
    assert "FAILED  settings: environment ITEIRA_SERVER__PORT: server.port = 'many'" in shown.stdout
