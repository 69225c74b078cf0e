"""`iteira mock` and `iteira simulate-call` as a person meets them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import Response
from fastapi.responses import JSONResponse

from tests.cli.documents import STATS
from tests.cli.terminal import iteira, iteira_on_terminal
from tests.mock.daemon_double import SENT, DaemonDouble, TalkMe, refusing
from tests.mock.serving import in_thread
from tests.ports import free_port

IteiraProcess = subprocess.CompletedProcess[str]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`iteira` in the background, ended with the block."""
    command = [sys.executable, "-m", "iteira_cli", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    return process.stderr.readline().rstrip("\n")


def simulate(daemon_url: str, mock_url: str, *arguments: str) -> IteiraProcess:
    return iteira("simulate-call", "--url", daemon_url, "--mock", mock_url, *arguments)


async def answer_or_leave(talkme: TalkMe, text: str) -> dict[str, Any]:
    """Typing, a reply, and the end of the dialog where the caller says goodbye."""
    await talkme("simulateTyping", {"ttl": 15})
    await talkme.send(f"Ответ [1]: {text}")
    if "до свидания" not in text:
        return SENT
    await talkme("finish", {"code": "SUCCESS"})
    return SENT | {"end_conversation": True}


@pytest.fixture
def daemon(mock_url: str) -> DaemonDouble:
    return DaemonDouble(f"{mock_url}/", answer_or_leave)


def test_the_mock_says_where_it_is_shows_what_it_takes_and_stops_on_ctrl_c() -> None:
    with started("mock", "--port", "0", "--token", "allowed-token-1") as process:
        banner = next_line(process)
        url = next(word for word in banner.split() if word.startswith("http://"))
        assert "accepts 1 token" in banner
        hint = next_line(process)
        assert f"BASE_URL_TALKME={url}/" in hint
        assert f"simulate-call --mock {url}`" in hint

        assert next_line(process) == f"Call the daemon at http://127.0.0.1:8000 from this page: {url}/"

        for token in ("allowed-token-1", "not-on-the-list"):
            headers = {"X-Token": token}
            httpx.post(f"{url}/customBot/send", json={"content": {"text": "Добрый [день]"}}, headers=headers)
        assert next_line(process) == "call 1  reply    Добрый [день]"
        process.send_signal(signal.SIGINT)
        assert next_line(process) == "Mock TalkMe stopped."
        assert process.wait(timeout=30) == 0


def test_a_taken_port_is_told_in_one_line_that_says_who_has_it(mock_url: str) -> None:
    by_a_mock = iteira("mock", "--port", mock_url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # Whoever has it never answers, so that the question who it is must not wait for ever.
        by_another = iteira("mock", "--port", str(taken.getsockname()[1]))

    for process, who in ((by_a_mock, "a mock TalkMe already runs on"), (by_another, "is taken by another program")):
        assert (process.returncode, process.stdout) == (1, "")
        assert process.stderr.count("\n") == 1
        assert who in process.stderr
        assert "choose another --port" in process.stderr


def test_an_address_that_is_not_of_this_machine_is_told() -> None:
    process = iteira("mock", "--host", "192.0.2.1")

    assert process.returncode == 1
    assert process.stderr.splitlines()[0].startswith("Error: cannot listen on 192.0.2.1:5001: ")


def test_tokens_shorter_than_talkmes_are_wrong_usage(mock_url: str, daemon_url: str) -> None:
    for process in (
        iteira("mock", "--token", "short"),
        simulate(daemon_url, mock_url, "--say", "Алло", "--webhook-token", "short"),
    ):
        assert process.returncode == 2
        assert "at least 10 characters" in process.stderr


def test_a_call_shows_what_was_said_and_replied_with_the_time_it_took(
    mock_url: str, mock: httpx.Client, daemon_url: str
) -> None:
    process = simulate(
        daemon_url, mock_url, "--say", "раз", "--say", "два", "--phone", "+375291234567", "--name", "Анна"
    )

    assert (process.returncode, process.stderr) == (0, "")
    lines = process.stdout.splitlines()
    assert [line.rpartition(" (")[0] or line for line in lines] == [
        "Вы: раз",
        "Консультант: Ответ [1]: раз",
        "Вы: два",
        "Консультант: Ответ [1]: два",
    ]
    assert lines[1].endswith("ms)") or lines[1].endswith(" s)")
    (call,) = mock.get("/calls").json()["calls"]
    assert (call["phone"], call["name"]) == ("+375291234567", "Анна")


def test_json_is_one_document_with_every_message(mock_url: str, daemon_url: str) -> None:
    process = simulate(daemon_url, mock_url, "--json", "--say", "раз", "--say", "до свидания", "--say", "три")

    assert process.returncode == 0
    document = json.loads(process.stdout)
    assert {key: document[key] for key in ("call_id", "answered", "unanswered")} == {
        "call_id": 1,
        "answered": 3,
        "unanswered": 0,
    }
    keys = {"text", "replies", "latency", "first_reply", "webhook_status", "end_conversation", "error"}
    assert [set(message) for message in document["messages"]] == [keys] * 3
    assert [message["end_conversation"] for message in document["messages"]] == [False, True, False]
    first = document["messages"][0]
    assert (first["text"], first["replies"], first["webhook_status"]) == ("раз", ["Ответ [1]: раз"], 200)
    assert 0 < first["first_reply"] <= first["latency"]


def test_a_call_has_a_token_that_the_daemon_allows(mock_url: str, daemon: DaemonDouble, daemon_url: str) -> None:
    tokens = {"TALKME_TOKENS": "token-of-the-salon,another-token"}
    arguments = ("simulate-call", "--url", daemon_url, "--mock", mock_url, "--say", "Алло")
    assert iteira(*arguments, **tokens).returncode == 0
    assert daemon.received[0]["token"] == "token-of-the-salon"


def test_an_unanswered_message_gives_exit_code_1_and_the_reason(
    mock_url: str, daemon: DaemonDouble, daemon_url: str
) -> None:
    daemon.turn = refusing(401, "Токен не разрешён")
    plain = simulate(daemon_url, mock_url, "--say", "Алло")
    document = simulate(daemon_url, mock_url, "--json", "--say", "Алло")

    assert plain.returncode == document.returncode == 1
    reason = "the webhook refused with status 401: Токен не разрешён"
    assert plain.stderr.splitlines() == [
        f"Error: unanswered: {reason}",
        "--webhook-token calls with a token that the daemon allows",
        "Error: 1 of 1 messages stayed unanswered",
    ]
    assert json.loads(document.stdout)["unanswered"] == 1
    assert json.loads(document.stdout)["messages"][0]["error"] == reason


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


def test_the_time_limit_is_the_callers(mock_url: str, daemon: DaemonDouble, daemon_url: str) -> None:
    over = threading.Event()

    async def ponder(talkme: TalkMe, text: str) -> dict[str, Any]:
        await asyncio.to_thread(over.wait, 30)
        return SENT

    daemon.turn = ponder
    try:
        process = simulate(daemon_url, mock_url, "--say", "Алло", "--timeout", "0.3")
    finally:
        over.set()

    assert process.returncode == 1
    assert "did not answer the webhook within 0.3 s" in process.stderr


def test_a_daemon_that_is_not_there_gives_exit_code_3_and_what_to_start(mock_url: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    process = simulate(nobody, mock_url, "--say", "Алло")

    assert (process.returncode, process.stdout) == (3, "")
    assert process.stderr == f"Error: no daemon answers at {nobody}: start one with `iteira dev`\n"


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


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "http://127.0.0.1:99999", "ftp://127.0.0.1", "http://", "http://[::1", ""]
)
def test_an_unusable_address_is_wrong_usage(url: str) -> None:
    process = iteira("simulate-call", "--say", "Алло", "--url", url)

    assert process.returncode == 2
    assert "a base URL such as http://127.0.0.1:8000 is expected" in process.stderr


def test_words_that_are_not_utf_8_are_wrong_usage() -> None:
    process = iteira("simulate-call", "--say", os.fsdecode("Алло".encode("cp1251")))

    assert (process.returncode, process.stdout) == (2, "")
    assert "--say: text in UTF-8 is expected" in process.stderr


def test_a_conversation_on_a_terminal_ends_when_the_consultant_ends_it(mock_url: str, daemon_url: str) -> None:
    process = iteira_on_terminal(
        *("simulate-call", "--url", daemon_url, "--mock", mock_url),
        types="Привет\n\nНу всё, до свидания\nещё одно\n",
    )

    assert process.returncode == 0
    conversation = process.stdout.rpartition("ещё одно")[2]  # before that, the terminal echoes what was typed
    assert conversation.count("Вы: ") == 3, "nothing is said with an empty line"
    assert "Консультант: Ответ [1]: Привет (" in conversation
    assert "Консультант: Ответ [1]: Ну всё, до свидания (" in conversation
    assert "The consultant has ended the conversation." in conversation


@pytest.mark.parametrize("end", ["/quit\n", "\x04"])
def test_a_conversation_on_a_terminal_ends_when_the_caller_wants(
    mock_url: str, mock: httpx.Client, daemon_url: str, end: str
) -> None:
    process = iteira_on_terminal(*("simulate-call", "--url", daemon_url, "--mock", mock_url), types=f"Привет\n{end}")

    assert process.returncode == 0
    events = mock.get("/calls/1").json()["events"]
    assert [event["text"] for event in events if event["kind"] == "said"] == ["Привет"]


def test_typing_is_shown_on_a_terminal(mock_url: str, daemon_url: str) -> None:
    process = iteira_on_terminal("simulate-call", "--url", daemon_url, "--mock", mock_url, "--say", "Привет")

    assert "печатает" in process.stdout
    assert "Консультант: Ответ [1]: Привет (" in process.stdout


def test_what_is_piped_in_is_said_line_by_line(mock_url: str, daemon_url: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "iteira_cli", "simulate-call", "--url", daemon_url, "--mock", mock_url, "--json"],
        input="раз\nдва",
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )

    assert process.returncode == 0
    assert [message["text"] for message in json.loads(process.stdout)["messages"]] == ["раз", "два"]


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_call_that_waits_for_its_reply(
    times: int, mock_url: str, daemon: DaemonDouble, daemon_url: str
) -> None:
    asked, over = threading.Event(), threading.Event()

    async def ponder(talkme: TalkMe, text: str) -> dict[str, Any]:
        asked.set()
        await asyncio.to_thread(over.wait, 30)
        return SENT

    daemon.turn = ponder
    try:
        with started("simulate-call", "--url", daemon_url, "--mock", mock_url, "--say", "Алло") as process:
            assert asked.wait(30)
            for _ in range(times):
                process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            assert process.returncode in {130, -signal.SIGINT}, errors
            assert "Traceback" not in errors
    finally:
        over.set()


def test_the_commands_are_listed_without_loading_servers_and_clients() -> None:
    code = (
        "import sys, iteira_cli.commands.mock, iteira_cli.commands.simulate\n"
        "print(sorted({'httpx', 'fastapi', 'uvicorn', 'anyio', 'mock_server'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)

    assert (process.stdout, process.stderr) == ("[]\n", "")
