"""What stands in the logs, what never does, and how they stay bounded."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.observability import logs
from server.observability.about import about, masked, masked_id
from server.observability.rotation import RotatingFile
from tests.polling import eventually


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was before when the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_is_a_json_object_that_names_its_session_and_turn(tmp_path: Path, root: logging.Logger) -> None:
    stop = logs.configure(tmp_path, "INFO")
    with about(session="xI4WylKDvtas"), about(turn="7"):
        logging.getLogger("server.test").info("message %s accepted", 7)
    logging.getLogger("server.test").info("after it")
    stop()
    first, second = lines(tmp_path / "talkme_integration.log")
    assert (first["session"], first["turn"], first["message"]) == ("xI4WylKDvtas", "7", "message 7 accepted")
    assert first["level"] == "INFO"
    assert first["pid"] == os.getpid()
    assert "turn" not in second


def test_http_requests_have_a_file_of_their_own_and_are_not_shown_on_the_console(
    tmp_path: Path, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = logs.configure(tmp_path, "INFO")
    logging.getLogger("api").info("POST /webhook/talkme 200 12.1 ms 127.0.0.1")
    logging.getLogger("uvicorn.test").info("Started server process")
    logging.getLogger("server.test").info("ready")
    stop()
    assert [line["logger"] for line in lines(tmp_path / "api.log")] == ["api", "uvicorn.test"]
    assert [line["logger"] for line in lines(tmp_path / "talkme_integration.log")] == ["server.test"]
    assert "POST" not in capsys.readouterr().err


def test_an_error_brings_its_traceback_and_stopping_twice_is_harmless(tmp_path: Path, root: logging.Logger) -> None:
    stop = logs.configure(tmp_path, "INFO")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("server.test").exception("our own error")
    stop()
    stop()
    (line,) = lines(tmp_path / "talkme_integration.log")
    assert "ValueError: broken" in line["error"]


def test_logging_goes_on_when_its_folder_is_removed(
    tmp_path: Path, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs"
    stop = logs.configure(folder, "INFO")
    shutil.rmtree(folder)
    logging.getLogger("server.test").info("somebody has cleaned up")
    stop()
    assert [line["message"] for line in lines(folder / "talkme_integration.log")] == ["somebody has cleaned up"]
    assert "Traceback" not in capsys.readouterr().err


async def test_a_log_file_that_cannot_be_opened_silences_nothing_else_and_is_tried_again(
    tmp_path: Path, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "talkme_integration.log"
    stop = logs.configure(tmp_path, "INFO")
    file.unlink()
    file.mkdir()
    logging.getLogger("server.test").warning("in vain for the file")
    told: list[str] = []

    def stderr() -> str:
        told.append(capsys.readouterr().err)
        return "".join(told)

    assert "in vain for the file" in await eventually(stderr, lambda told: "IsADirectoryError" in told)
    file.rmdir()
    logging.getLogger("server.test").warning("the way is free")
    stop()
    assert [line["message"] for line in lines(file)] == ["the way is free"]


def test_a_line_whose_words_do_not_fit_is_told_on_stderr_and_ends_no_other(
    tmp_path: Path, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = logs.configure(tmp_path, "INFO")
    log = logging.getLogger("server.test")
    log.info("%d messages", "three")
    log.info("after it")
    stop()
    assert [line["message"] for line in lines(tmp_path / "talkme_integration.log")] == ["after it"]
    assert "%d messages" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+375291234567", "+37529***4567"),
        ("GET /webhook/talkme/session/375291234567", "GET /webhook/talkme/session/37529***4567"),
        ("message 33688 sent in 1200 ms", "message 33688 sent in 1200 ms"),
    ],
)
def test_long_numbers_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+375 (29) 123-45-67", "+37529***4567"),
        ("/webhook/talkme/session/8 029 123.45.67", "/webhook/talkme/session/8029***4567"),
        ("xI4WylKDvtas", "xI4WylKDvtas"),
        ("/webhook/talkme/message/33688", "/webhook/talkme/message/33688"),
    ],
)
def test_an_id_that_is_a_number_is_masked_however_it_is_written(text: str, shown: str) -> None:
    assert masked_id(text) == shown


def test_a_number_in_a_line_is_masked_in_the_file(tmp_path: Path, root: logging.Logger) -> None:
    stop = logs.configure(tmp_path, "INFO")
    with about(session="+375291234567"):
        logging.getLogger("server.test").warning("session %s", "+375291234567")
    stop()
    assert "1234567" not in (tmp_path / "talkme_integration.log").read_text()


def test_an_error_in_a_turn_brings_its_place_and_not_what_it_says(tmp_path: Path, root: logging.Logger) -> None:
    stop = logs.configure(tmp_path, "INFO")
    with about(turn="7"):
        try:
            try:
                raise KeyError("Меня зовут Анна")
            except KeyError as cause:
                raise ValueError("Анна, да?") from cause
        except ValueError:
            logging.getLogger("server.test").exception("our own error")
    stop()
    (line,) = lines(tmp_path / "talkme_integration.log")
    assert "test_the_logs.py" in line["error"]
    assert line["error"].index("KeyError") < line["error"].rindex("ValueError")
    assert "Анна" not in line["error"].replace('("Меня зовут Анна")', "").replace('("Анна, да?")', "")


EVIL = "a\x1b[2Jb\n12:00:00 ERROR forged\r\x9b31mc\u2028d\u202ee\ud800"


def test_what_others_say_can_neither_begin_a_line_nor_steer_a_terminal(
    tmp_path: Path, root: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    stop = logs.configure(tmp_path, "INFO")
    with about(session=EVIL):
        logging.getLogger("server.test").warning("said: %s", EVIL)
        try:
            raise ValueError(EVIL)
        except ValueError:
            logging.getLogger("server.test").exception("our own error")
    stop()
    shown, kept = capfd.readouterr().err, (tmp_path / "talkme_integration.log").read_text(encoding="utf-8")
    for text in (shown, kept):
        assert not set(text) & set("\x1b\r\x9b\u2028\u202e")
        assert not [line for line in text.splitlines() if line.startswith("12:00:00")]
    warning, error = lines(tmp_path / "talkme_integration.log")
    assert warning["message"] == r"said: a\x1b[2Jb\n12:00:00 ERROR forged\r\x9b31mc\u2028d\u202ee\ud800"
    assert warning["session"].isprintable()
    assert "ValueError: a" in error["error"]


def rotating(path: Path, size: int = 1000) -> RotatingFile:
    handler = RotatingFile(path, size=size, kept=3)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def write(handler: logging.Handler, text: str) -> None:
    handler.emit(logging.LogRecord("t", logging.INFO, "", 0, text, None, None))


def test_of_two_writers_one_sets_the_full_file_aside_and_no_line_is_lost(tmp_path: Path) -> None:
    one, other = rotating(tmp_path / "a.log"), rotating(tmp_path / "a.log")
    for number in range(200):
        write((one, other)[number % 2], f"line {number:03} " + "." * 20)
    one.close()
    other.close()
    found = sorted(line.split()[1] for path in tmp_path.glob("a.log*") for line in path.read_text().splitlines())
    assert found == [f"{number:03}" for number in range(200)]
    assert (tmp_path / "a.log.1").exists()


def test_files_set_aside_are_counted_and_the_oldest_go(tmp_path: Path) -> None:
    handler = rotating(tmp_path / "a.log", size=1)
    for number in range(50 * 6):
        write(handler, str(number))
    handler.close()
    assert sorted(path.name for path in tmp_path.glob("a.log*")) == ["a.log", "a.log.1", "a.log.2", "a.log.3"]


def test_a_file_of_yesterday_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("yesterday\n")
    os.utime(path, (time.time() - 86_400, time.time() - 86_400))
    handler = rotating(path)
    write(handler, "today")
    handler.close()
    assert (path.read_text(), (tmp_path / "a.log.1").read_text()) == ("today\n", "yesterday\n")
