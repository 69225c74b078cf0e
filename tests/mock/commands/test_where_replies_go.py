"""A simulated call needs a mock to which the daemon's replies go: one that runs, or one of its own."""

from __future__ import annotations

import httpx
import pytest
from fastapi import Response
from fastapi.responses import JSONResponse

from tests.cli.documents import STATS
from tests.mock.daemon_double import DaemonDouble, TalkMe, refusing
from tests.mock.serving import in_thread
from tests.ports import free_port

from .calling import answer_or_leave, simulate


def test_another_talkme_of_the_daemon_is_told_before_the_first_word(
    mock_url: str, daemon: DaemonDouble, daemon_url: str
) -> None:
    daemon.stats = {**STATS, "talkme": "https://api.talkme.example/"}
    told = f"the daemon at {daemon_url} answers through https://api.talkme.example/, not through the mock at "
    beside_a_mock = simulate(daemon_url, mock_url, "--say", "Алло")
    nobody = f"http://127.0.0.1:{free_port()}"
    without = simulate(daemon_url, nobody, "--say", "Алло")

    assert beside_a_mock.returncode == 0
    assert beside_a_mock.stderr.startswith(f"Warning: {told}{mock_url}: start it with BASE_URL_TALKME={mock_url}/")
    assert (without.returncode, without.stdout) == (1, "")
    assert without.stderr.splitlines() == [
        f"Error: {told}{nobody}, where none runs",
        f"start it with BASE_URL_TALKME={nobody}/, or name its mock with --mock",
    ]
    assert len(daemon.received) == 1, "the second call did not begin"

    daemon.stats["talkme"] = f"{mock_url.replace('127.0.0.1', 'localhost')}/"
    assert simulate(daemon_url, mock_url, "--say", "Алло").stderr == ""


def test_a_reply_that_went_to_another_talkme_is_answered_with_the_setting_that_leads_here(
    mock_url: str, daemon: DaemonDouble, daemon_url: str
) -> None:
    daemon.turn = refusing(502, "TalkMe недоступен")
    process = simulate(daemon_url, mock_url, "--say", "Алло")
    assert process.returncode == 1
    assert f"502: TalkMe недоступен; the mock at {mock_url} received no reply" in process.stderr
    assert f"BASE_URL_TALKME of the daemon should be {mock_url}/" in process.stderr


def test_a_reply_that_this_mock_refused_is_not_blamed_on_the_address(
    mock_url: str, daemon: DaemonDouble, daemon_url: str
) -> None:
    async def too_late(talkme: TalkMe, text: str) -> Response:
        await talkme("finish", {"code": "SUCCESS"})
        await talkme.send("поздно")
        return JSONResponse({"success": False, "error": "TalkMe отказал"}, status_code=502)

    daemon.turn = too_late
    process = simulate(daemon_url, mock_url, "--say", "Алло")
    assert "502: TalkMe отказал" in process.stderr
    assert "BASE_URL_TALKME" not in process.stderr


def test_where_no_mock_runs_one_runs_for_the_length_of_the_call() -> None:
    mock_url = f"http://127.0.0.1:{free_port()}"

    with in_thread(DaemonDouble(f"{mock_url}/", answer_or_leave).server()) as daemon_url:
        process = simulate(daemon_url, mock_url, "--say", "Привет")

    assert process.returncode == 0, process.stderr
    assert "Консультант: Ответ [1]: Привет" in process.stdout
    assert f"No mock TalkMe answers at {mock_url}: running one for this call." in process.stderr
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{mock_url}/health")


def test_no_mock_is_started_on_another_machine_or_in_place_of_another_program(daemon_url: str) -> None:
    far = simulate(daemon_url, "http://mock.invalid:5001", "--say", "Алло")
    other = simulate(daemon_url, daemon_url, "--say", "Алло")

    assert far.returncode == other.returncode == 1
    assert far.stderr.startswith("Error: no mock TalkMe answers at http://mock.invalid:5001\n")
    assert "none can be started there: Address already in use" in other.stderr
