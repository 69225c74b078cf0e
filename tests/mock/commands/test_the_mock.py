"""`iteira mock` as a person meets it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import httpx

from tests.cli.terminal import iteira

from .calling import simulate, started


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    return process.stderr.readline().rstrip("\n")


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


def test_the_commands_are_listed_without_loading_servers_and_clients() -> None:
    code = (
        "import sys, iteira_cli.commands.mock, iteira_cli.commands.simulate\n"
        "print(sorted({'httpx', 'fastapi', 'uvicorn', 'anyio', 'mock_server'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)

    assert (process.stdout, process.stderr) == ("[]\n", "")
