"""`iteira simulate-call` says what it is told to, and shows what came back."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from typing import Any

import httpx
import pytest

from tests.cli.terminal import iteira
from tests.mock.daemon_double import SENT, DaemonDouble, TalkMe, refusing
from tests.ports import free_port

from .calling import simulate


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
