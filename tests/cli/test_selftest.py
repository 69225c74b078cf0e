from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from iteira_cli.admin_client import AdminClient
from iteira_cli.commands.selftest import Check, Selftest

from .documents import DETAIL, HEALTH, STATS
from .scripted_daemon import Document, Reply, ScriptedDaemon, Seen
from .terminal import iteira, iteira_on_terminal, plain

CHECKS = [
    "health",
    "first message greeted",
    "conversation continued",
    "invalid data refused",
    "parallel requests",
    "long message",
    "statistics",
]
TOKEN = "a-token-of-talkme"


class AnsweringDaemon(ScriptedDaemon):
    """Keeps to the contract of webhook and administration, but for the one thing named in `fault`."""

    def __init__(self) -> None:
        super().__init__()
        self.fault = ""
        self.talkme: str | None = None
        self.calls: list[Document] = []
        self.counts: dict[str, int] = {}
        self.all_callers_are_here = threading.Barrier(10)

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        if seen.path.startswith("/webhook/talkme/session/"):
            return self._session(seen.method, unquote(seen.path.rsplit("/", 1)[1]))
        match seen.path:
            case "/webhook/talkme":
                return self._webhook(seen.body)
            case "/webhook/talkme/health":
                unavailable = self.fault == "health"
                return (503, HEALTH | {"status": "unavailable"}) if unavailable else (200, HEALTH)
            case "/webhook/talkme/stats" if self.fault == "administration":
                return 401, {"success": False, "error": "no"}
            case "/webhook/talkme/stats":
                count = 0 if self.fault == "statistics" else len(self.calls)
                return 200, STATS | {"messages_processed": count} | ({"talkme": self.talkme} if self.talkme else {})
        return 404, {"success": False, "error": "Not Found"}

    def _webhook(self, body: bytes) -> Reply:
        try:
            call = json.loads(body)
        except ValueError:
            return 400, {"success": False, "error": "Тело: ожидается JSON"}
        if "token" not in call:
            return (200, {"success": True}) if self.fault == "refusal" else (400, _refusal("Поле token: обязательно"))
        if call["token"] != TOKEN:
            return 401, _refusal("токен не разрешён")
        text, user = call["message"]["text"], call["user_id"]
        if not text.strip():
            return 400, _refusal("Поле message.text: не должно быть пустым")
        if len(text) > 4000 and self.fault == "long":
            return 413, _refusal("слишком длинно")
        return self._accept(call, text, user)

    def _accept(self, call: Document, text: str, user: str) -> Reply:
        if "маникюр" in text:
            self.all_callers_are_here.wait(timeout=30)
            if self.fault == "parallel" and user.endswith("-5"):
                return 503, _refusal("перегрузка")
        self.calls.append(call)
        self.counts[user] = self.counts.get(user, 0) + (0 if self.fault == "continued" and user in self.counts else 1)
        success = self.fault != "greeting"
        return 200, {"success": success, "session_id": call["session_id"], "message": "Сообщение отправлено"}

    def _session(self, method: str, user: str) -> Reply:
        if self.fault == "administration":
            return 401, _refusal("no")
        if user not in self.counts:
            return 404, _refusal("нет такой сессии")
        if method == "DELETE":
            del self.counts[user]
            return 200, {"message": "Сессия очищена"}
        return 200, DETAIL | {"user_id": user, "messages_count": self.counts[user]}


def _refusal(error: str) -> Document:
    return {"success": False, "session_id": None, "message": None, "end_conversation": False, "error": error}


@pytest.fixture
def daemon() -> Iterator[AnsweringDaemon]:
    with AnsweringDaemon() as answering:
        yield answering


@pytest.fixture(autouse=True)
def _mock_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_URL_TALKME", "http://127.0.0.1:5001/")


REAL = "https://talkme.invalid/"


def run(daemon: AnsweringDaemon, fault: str = "") -> dict[str, Check]:
    daemon.fault = fault
    test = Selftest(AdminClient(daemon.url), TOKEN, patience=0)
    return {check.name: check for check in test.run()}


def red(checks: dict[str, Check]) -> list[str]:
    return [check.name for check in checks.values() if not check.ok]


def test_a_daemon_that_keeps_its_promises_passes_all_seven_checks(daemon: AnsweringDaemon) -> None:
    shown = iteira("selftest", "--url", daemon.url, "--webhook-token", TOKEN, "--json")
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    assert (document["passed"], document["failed"]) == (7, 0)
    assert [check["name"] for check in document["checks"]] == CHECKS
    assert {key for check in document["checks"] for key in check} == {"name", "ok", "seconds", "detail"}
    details = {check["name"]: check["detail"] for check in document["checks"]}
    assert "Женская стрижка" in details["first message greeted"]
    assert "no embedder" in details["health"]
    assert details["statistics"] == "messages_processed grew by 13"


def test_people_get_a_table_and_the_sum(daemon: AnsweringDaemon) -> None:
    shown = iteira("selftest", "--url", daemon.url, TALKME_TOKENS=f"{TOKEN},another-token")
    assert shown.returncode == 0, shown.stderr
    assert "7 passed, 0 failed" in shown.stdout
    assert [name for name in CHECKS if f"ok: {name}" not in shown.stderr] == []


def test_the_calls_are_in_the_documented_form_and_leave_no_session(daemon: AnsweringDaemon) -> None:
    assert iteira("selftest", "--url", daemon.url, "--webhook-token", TOKEN).returncode == 0
    first, second, *_ = daemon.calls
    assert set(first) == {
        "token",
        "session_id",
        "user_id",
        "client",
        "message",
        "originalOnlineChatMessage",
        "timestamp",
        "metadata",
    }
    assert first["user_id"] == second["user_id"]
    assert len({call["user_id"] for call in daemon.calls}) == 12
    assert max(len(call["message"]["text"]) for call in daemon.calls) > 4000
    assert daemon.counts == {}


@pytest.mark.parametrize(
    ("fault", "failed", "said"),
    [
        ("health", "health", "unavailable"),
        ("continued", "conversation continued", "messages_count is 1 after 2 messages"),
        ("refusal", "invalid data refused", "no token: expected 400"),
        ("long", "long message", "413 слишком длинно"),
        ("parallel", "parallel requests", "1 of 10 callers were not answered, the first: expected 200"),
        ("statistics", "statistics", "grew by 0 after 13 accepted messages"),
    ],
)
def test_a_broken_promise_turns_its_check_red_and_no_other(
    daemon: AnsweringDaemon, fault: str, failed: str, said: str
) -> None:
    checks = run(daemon, fault)
    assert red(checks) == [failed]
    assert said in checks[failed].detail


def test_calls_that_are_not_successful_are_red(daemon: AnsweringDaemon) -> None:
    checks = run(daemon, "greeting")
    assert "first message greeted" in red(checks)
    assert "success true" in checks["first message greeted"].detail


def test_without_access_to_the_administration_only_the_statistics_fail(daemon: AnsweringDaemon) -> None:
    checks = run(daemon, "administration")
    assert red(checks) == ["statistics"]
    assert "admin token" in checks["statistics"].detail
    assert "not seen" in checks["conversation continued"].detail


def test_sessions_that_cannot_be_cleared_are_told(daemon: AnsweringDaemon) -> None:
    daemon.fault = "administration"
    shown = iteira("selftest", "--url", daemon.url, "--webhook-token", TOKEN)
    assert shown.returncode == 1
    assert "are still there: the daemon wants an admin token" in shown.stderr
    assert "6 passed, 1 failed" in shown.stdout


def test_a_webhook_token_that_is_not_allowed_is_told(daemon: AnsweringDaemon) -> None:
    shown = iteira("selftest", "--url", daemon.url, "--json")
    assert shown.returncode == 1
    details = {check["name"]: check["detail"] for check in json.loads(shown.stdout)["checks"] if not check["ok"]}
    assert "--webhook-token" in details["first message greeted"]
    assert "no message was accepted" in details["statistics"]


def test_a_neighbour_that_is_not_iteira_fails_every_check(daemon: AnsweringDaemon) -> None:
    shown = iteira("selftest", "--url", daemon.url + "/elsewhere", "--json")
    assert shown.returncode == 1
    assert json.loads(shown.stdout)["passed"] == 0


def test_a_daemon_that_is_down_is_no_red_check_but_exit_code_3(nobody: str) -> None:
    down = iteira("selftest", "--url", nobody, "--json")
    assert (down.returncode, down.stdout) == (3, "")
    assert "does not answer" in down.stderr


def test_replies_to_a_real_talkme_need_yes_where_nobody_can_be_asked(daemon: AnsweringDaemon) -> None:
    arguments = ("selftest", "--url", daemon.url, "--webhook-token", TOKEN)
    refused = iteira(*arguments, BASE_URL_TALKME=REAL)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"13 replies would go to the real TalkMe at {REAL}" in refused.stderr
    assert "--yes" in refused.stderr
    assert daemon.calls == []
    assert iteira(*arguments, "--yes", BASE_URL_TALKME=REAL).returncode == 0


@pytest.mark.parametrize(("types", "code", "calls"), [("n\n", 1, 0), ("y\n", 0, 13)])
def test_replies_to_a_real_talkme_are_asked_for_on_a_terminal(
    daemon: AnsweringDaemon, types: str, code: int, calls: int
) -> None:
    arguments = ("selftest", "--url", daemon.url, "--webhook-token", TOKEN)
    shown = iteira_on_terminal(*arguments, types=types, BASE_URL_TALKME=REAL)
    assert shown.returncode == code, shown.stdout
    assert "Go on?" in shown.stdout
    assert len(daemon.calls) == calls


def test_what_the_daemon_says_of_its_talkme_counts_more_than_what_is_configured_here(daemon: AnsweringDaemon) -> None:
    daemon.talkme = "http://127.0.0.1:5001/"
    shown = iteira("selftest", "--url", daemon.url, "--webhook-token", TOKEN, BASE_URL_TALKME=REAL)
    assert shown.returncode == 0, shown.stderr


def test_on_a_terminal_the_results_are_shown_once(daemon: AnsweringDaemon) -> None:
    shown = plain(iteira_on_terminal("selftest", "--url", daemon.url, "--webhook-token", TOKEN).stdout)
    assert [shown.count(name) for name in CHECKS[1:]] == [1] * (len(CHECKS) - 1), shown
    assert "7 passed, 0 failed" in shown
