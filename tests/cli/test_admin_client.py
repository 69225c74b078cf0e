from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from iteira_cli.admin_client import AdminClient, request
from iteira_cli.errors import AccessDenied, DaemonUnreachable, Failed, NotFound, Usage

from .documents import DETAIL, HEALTH, STATS
from .scripted_daemon import ScriptedDaemon, Seen

STATS_PATH = "/webhook/talkme/stats"


def test_the_token_goes_as_a_bearer(daemon: ScriptedDaemon) -> None:
    daemon.answers[f"GET {STATS_PATH}"] = (200, STATS)
    assert AdminClient(daemon.url + "/", "secret-of-the-admin").stats() == STATS
    AdminClient(daemon.url).stats()
    with_token, without = daemon.seen
    assert with_token.headers["authorization"] == "Bearer secret-of-the-admin"
    assert "authorization" not in without.headers


def test_a_user_id_is_quoted_whole(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /webhook/talkme/session/a%2Fb%3F%20%D1%91"] = (200, DETAIL)
    assert AdminClient(daemon.url).session("a/b? ё") == DETAIL


def test_an_unhealthy_daemon_has_answered(daemon: ScriptedDaemon) -> None:
    unavailable = HEALTH | {"status": "unavailable"}
    daemon.answers["GET /webhook/talkme/health"] = (503, unavailable)
    assert AdminClient(daemon.url).health() == unavailable


def test_a_503_of_somebody_else_is_no_health(daemon: ScriptedDaemon) -> None:
    daemon.answers["GET /webhook/talkme/health"] = (503, b"<html>Bad gateway</html>")
    with pytest.raises(Failed, match="503"):
        AdminClient(daemon.url).health()


@pytest.mark.parametrize("status", [200, 503])
def test_an_answer_that_is_cut_off_is_none(daemon: ScriptedDaemon, status: int) -> None:
    daemon.headers["Content-Length"] = "4711"
    daemon.answers["GET /webhook/talkme/health"] = (status, HEALTH)
    with pytest.raises(DaemonUnreachable, match="does not answer"):
        AdminClient(daemon.url).health()


@pytest.mark.parametrize("token", ["that-may-look", None])
def test_what_is_forbidden_is_told_in_the_daemons_words(daemon: ScriptedDaemon, token: str | None) -> None:
    said = "this token may not look for names and numbers"
    daemon.answers["GET /webhook/talkme/sessions?name=x"] = (403, {"success": False, "error": said})
    with pytest.raises(AccessDenied, match=f"^the daemon does not allow it: {said}$") as refused:
        AdminClient(daemon.url, token).sessions(name="x")
    assert refused.value.hint is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_told_from_a_missing_one(daemon: ScriptedDaemon, status: int) -> None:
    daemon.answers[f"GET {STATS_PATH}"] = (
        status,
        {"success": False, "error": "нет"} if status == 401 else b"<html>Forbidden</html>",
    )
    with pytest.raises(AccessDenied, match="the admin token is refused") as refused:
        AdminClient(daemon.url, "wrong").stats()
    assert refused.value.hint is not None
    assert "--token" in refused.value.hint
    assert "admin.token" in refused.value.hint
    with pytest.raises(AccessDenied, match="wants an admin token"):
        AdminClient(daemon.url).stats()


def test_an_unknown_session_is_named(daemon: ScriptedDaemon) -> None:
    with pytest.raises(NotFound, match="no session of nobody"):
        AdminClient(daemon.url).clear_session("nobody")


@pytest.mark.parametrize("key", ["error", "detail"])
def test_a_refusal_is_told_in_the_daemons_words(daemon: ScriptedDaemon, key: str) -> None:
    daemon.answers[f"GET {STATS_PATH}"] = (503, {"success": False, key: "the store is down"})
    with pytest.raises(Failed, match="503: the store is down"):
        AdminClient(daemon.url).stats()


@pytest.mark.parametrize("body", [b"<html>It works!</html>", b"[]", b'{"total_sessions": 1}', b"\xff"])
def test_an_answer_that_is_not_iteiras_is_doubted(daemon: ScriptedDaemon, body: bytes) -> None:
    daemon.answers[f"GET {STATS_PATH}"] = (200, body)
    with pytest.raises(Failed, match="lacks") as doubted:
        AdminClient(daemon.url).stats()
    assert doubted.value.hint is not None
    assert daemon.url in doubted.value.hint


def test_a_redirect_is_not_followed_with_the_token(daemon: ScriptedDaemon) -> None:
    daemon.answers[f"GET {STATS_PATH}"] = (307, {})
    daemon.headers["Location"] = daemon.url + "/elsewhere"
    with pytest.raises(Failed, match="307"):
        AdminClient(daemon.url, "secret").stats()
    assert len(daemon.seen) == 1


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    daemon: ScriptedDaemon, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", nobody)
    monkeypatch.delenv("no_proxy", raising=False)
    daemon.answers[f"GET {STATS_PATH}"] = (200, STATS)
    assert AdminClient(daemon.url).stats() == STATS


def test_a_proxy_of_the_environment_is_asked_for_another_machine(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", daemon.url)
    monkeypatch.delenv("no_proxy", raising=False)
    daemon.answers[f"GET http://iteira.invalid{STATS_PATH}"] = (200, STATS)
    assert AdminClient("http://iteira.invalid").stats() == STATS


def test_a_daemon_that_hangs_is_unreachable_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DaemonUnreachable, match="timed out"):
            request("GET", url, timeout=0.1)


@pytest.mark.parametrize("ask", [AdminClient.stats, AdminClient.health])
def test_less_patience_holds_for_every_question(daemon: ScriptedDaemon, ask: Callable[[AdminClient], object]) -> None:
    given_up = threading.Event()

    def late(seen: Seen) -> tuple[int, dict[str, Any]]:
        given_up.wait(3)
        return 200, STATS | HEALTH

    daemon.any = late
    with pytest.raises(DaemonUnreachable, match="timed out"):
        ask(AdminClient(daemon.url).with_timeout(0.1))
    given_up.set()


def test_something_that_does_not_speak_http_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(DaemonUnreachable, match="does not answer"):
            request("GET", f"http://127.0.0.1:{other.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "file:///etc/passwd", "http://", "http://[::1", "http://a:port", "http://a b"]
)
def test_an_address_that_is_none_is_wrong_usage(url: str) -> None:
    with pytest.raises(Usage, match="no address"):
        AdminClient(url)


@pytest.mark.parametrize("token", ["секрет", "two\nlines"])
def test_a_token_that_no_header_can_carry_is_wrong_usage(token: str) -> None:
    with pytest.raises(Usage, match="header"):
        AdminClient("http://127.0.0.1:8000", token)
