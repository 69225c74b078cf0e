"""`iteira simulate-call` as a conversation: typed, piped in, and broken off."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from typing import Any

import httpx
import pytest

from tests.cli.terminal import iteira_on_terminal
from tests.mock.daemon_double import SENT, DaemonDouble, TalkMe

from .calling import started


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
