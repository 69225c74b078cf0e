"""`iteira logs`: what was written, and what is being written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .terminal import iteira


def line(message: str, level: str = "INFO", at: str = "2026-01-02T03:04:05.000+00:00", **fields: str) -> str:
    return json.dumps({"at": at, "level": level, "logger": "t", "pid": 1, "message": message, **fields}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "talkme_integration.log.1").write_text(line("the day before", at="2026-01-01T03:04:05.000+00:00"))
    (tmp_path / "talkme_integration.log").write_text(
        line("message 1 accepted", session="anna", turn="1")
        + line("refused", "ERROR", at="2026-01-02T03:04:07.000+00:00", session="boris", error="Traceback: x")
    )
    (tmp_path / "api.log").write_text(line("POST /webhook/talkme 200", at="2026-01-02T03:04:06.000+00:00"))
    return tmp_path


def logs(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return iteira("logs", *arguments, ITEIRA_LOGGING__DIR=str(folder))


def messages(folder: Path, *arguments: str) -> list[str]:
    return [json.loads(text)["message"] for text in logs(folder, "--json", *arguments).stdout.splitlines()]


def test_both_files_and_those_set_aside_are_shown_in_the_order_of_time(folder: Path) -> None:
    assert messages(folder) == ["the day before", "message 1 accepted", "POST /webhook/talkme 200", "refused"]
    shown = logs(folder).stdout.splitlines()
    assert shown[1].split(maxsplit=2)[2] == "INFO     integration  message 1 accepted  session anna turn 1"
    assert "api " in shown[2]
    assert shown[-1] == "Traceback: x"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["-n", "1"], ["refused"]),
        (["--level", "warning"], ["refused"]),
        (["--session", "anna"], ["message 1 accepted"]),
        (["--grep", "webhook|accepted"], ["message 1 accepted", "POST /webhook/talkme 200"]),
        (["--file", "api"], ["POST /webhook/talkme 200"]),
        (["--since", "1h"], []),
    ],
)
def test_what_is_asked_for_is_chosen(folder: Path, options: list[str], found: list[str]) -> None:
    assert messages(folder, *options) == found


def test_a_line_that_is_no_json_is_shown_as_it_is(folder: Path) -> None:
    (folder / "api.log").write_text("no JSON\n")
    assert messages_as_text(folder)[0].endswith("no JSON")


@pytest.mark.parametrize(
    "foreign",
    [
        '{"level": "NOTICE", "message": "of another program"}',
        '{"level": 30, "message": "of another program"}',
        '{"message": {"text": "of another program"}}',
        '{"message": "of another program", "error": ["x"]}',
        '{"at": "yesterday", "message": "of another program"}',
        '{"at": 1767323045, "message": "of another program"}',
    ],
)
def test_a_line_of_another_program_says_itself_and_disturbs_no_other(folder: Path, foreign: str) -> None:
    with (folder / "api.log").open("a") as log:
        log.write(f"{foreign}\n")
    shown = messages_as_text(folder, "--grep", "another|webhook")
    assert len(shown) == 2
    assert any(text.endswith(foreign) for text in shown)
    assert any(text.endswith("POST /webhook/talkme 200") for text in shown)


def messages_as_text(folder: Path, *arguments: str) -> list[str]:
    return logs(folder, "--file", "api", *arguments).stdout.splitlines()


def test_a_folder_without_logs_is_named(tmp_path: Path) -> None:
    nothing = logs(tmp_path)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert f"no log in {tmp_path}" in nothing.stderr


def test_an_expression_that_is_none_is_wrong_usage(folder: Path) -> None:
    assert logs(folder, "--grep", "(").returncode == 2


@pytest.fixture
def following(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    monkeypatch.setenv("ITEIRA_LOGGING__DIR", str(folder))
    command = [sys.executable, "-m", "iteira_cli", "logs", "-f", "-n", "1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        yield process
        process.kill()


def test_following_goes_on_across_rotation(folder: Path, following: subprocess.Popen[str]) -> None:
    assert following.stdout

    def heard() -> str:
        assert following.stdout
        return str(json.loads(following.stdout.readline())["message"])

    assert heard() == "refused"
    path = folder / "talkme_integration.log"
    with path.open("a") as log:
        log.write(line("before"))
    assert heard() == "before"
    with path.open("a") as log:
        log.write(line("last of the old file"))
    path.rename(folder / "talkme_integration.log.2")
    path.write_text(line("first of the new file"))
    assert [heard(), heard()] == ["last of the old file", "first of the new file"]
