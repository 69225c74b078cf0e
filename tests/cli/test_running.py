"""`iteira serve` and `iteira dev` as a person starts and stops them."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

import server
from iteira_cli import source_files
from server.errors import SettingsError
from server.serving import listen
from tests.polling import eventually
from tests.ports import free_port
from tests.process_groups import alive

from .terminal import iteira


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`iteira` with a session of its own, as a terminal gives it; nothing of it is left behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "iteira_cli", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"ITEIRA_KNOWLEDGE__EMBEDDER": "none"} | environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def lines_until(process: subprocess.Popen[str], words: str) -> list[str]:
    assert process.stderr
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    raise AssertionError(f"{words!r} was never said:\n" + "\n".join(lines))


def banner(*arguments: str, **environment: str) -> list[str]:
    with started("serve", "--port", str(free_port()), *arguments, **environment) as process:
        lines = lines_until(process, "ready:")
        process.terminate()
    return lines


def test_the_banner_says_what_was_read_who_answers_and_where_it_listens(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[server]\nhost = "0.0.0.0"\n')
    lines = "\n".join(banner("--role", "worker", "--insecure"))
    assert re.search(r"^Read +config\.toml$", lines, re.MULTILINE)
    assert re.search(r"^Role +worker$", lines, re.MULTILINE)
    assert re.search(r"^Listening on +0\.0\.0\.0:\d+, every address of this machine$", lines, re.MULTILINE)
    assert re.search(r"^Consultant +offline \(built-in, no AI model\)$", lines, re.MULTILINE)
    assert "Warning: the daemon listens on 0.0.0.0 and answers any token" in lines
    assert "Warning: the daemon listens on 0.0.0.0 without admin.token, as it was told" in lines


def test_a_daemon_without_a_token_does_not_open_itself_to_the_network() -> None:
    refused = iteira("serve", "--host", "0.0.0.0", "--port", str(free_port()))
    assert refused.returncode == 2
    first, second = refused.stderr.splitlines()
    assert first == "Error: the daemon would listen on 0.0.0.0, and admin.token is not set"
    assert "ITEIRA_ADMIN__TOKEN" in second
    assert "--insecure" in second


def test_the_commands_that_call_know_the_secret_of_the_webhook(tmp_path: Path) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "config.toml").write_text('[server]\nwebhook_secret = "a-secret-of-the-webhook"\n', encoding="utf-8")
    port, mock = free_port(), f"http://127.0.0.1:{free_port()}"
    at = ("--url", f"http://127.0.0.1:{port}")
    with started("serve", "--port", str(port), BASE_URL_TALKME=mock) as process:
        told = "\n".join(lines_until(process, "ready:"))
        call = iteira("simulate-call", *at, "--mock", mock, "--say", "Привет")
        load = iteira("simulate-load", *at, "--mock", mock, "--calls", "2", "--turns", "1")
        process.terminate()
    for done in (call, load):
        assert done.returncode == 0, done.stdout + done.stderr
    assert "asked for (server.webhook_secret)" in told
    assert "a-secret-of-the-webhook" not in told


@pytest.mark.parametrize("variable", ["ITEIRA_ADMIN__TOKEN", "ITEIRA_ADMIN__OTHER_TOKENS"])
def test_with_a_token_it_does(variable: str) -> None:
    lines = banner("--host", "0.0.0.0", **{variable: "a-token-for-administrators"})
    assert re.search(r"^Administration +with a token$", "\n".join(lines), re.MULTILINE)


def test_the_banner_of_a_daemon_for_this_machine_alone_warns_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "about.md").write_text("# Адрес\nМинск, проспект Победителей, 9\n", encoding="utf-8")
    lines = "\n".join(banner())
    assert "Warning" not in lines
    assert "Role" not in lines
    assert "Listening on" not in lines


def test_an_unknown_role_is_wrong_usage() -> None:
    wrong = iteira("serve", "--role", "boss")
    assert wrong.returncode == 2
    assert "--role" in wrong.stderr


def test_a_taken_port_says_how_to_find_who_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = iteira("serve", "--port", str(taken.getsockname()[1]))
    assert refused.returncode == 1
    assert "Address already in use; stop the program that does (`ss -ltnp`" in refused.stderr


def test_an_address_of_another_machine_says_which_is_expected() -> None:
    refused = iteira("serve", "--host", "192.0.2.1", "--insecure")
    assert refused.returncode == 1
    assert "Cannot assign requested address; choose a --host (server.host)" in refused.stderr
    assert "stop the program" not in refused.stderr


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied; choose a --port (server.port) above"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "not known; choose a --host (server.host)"),
    ],
)
def test_the_advice_fits_the_reason(failure: OSError, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> socket.socket:
        raise failure

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(SettingsError, match=re.escape(advice)):
        listen("nonsense.invalid", 80)


def test_ctrl_c_ends_serve_without_a_word_too_many() -> None:
    with started("serve", "--port", str(free_port())) as process:
        lines_until(process, "ready:")
        os.killpg(process.pid, signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert "Traceback" not in rest
    assert "Exception" not in rest


def test_dev_starts_the_daemon_again_when_its_configuration_changes_and_not_with_a_bad_one(tmp_path: Path) -> None:
    port, mock_port = free_port(), free_port()
    with started("dev", "--port", str(port), "--mock-port", str(mock_port)) as process:
        lines_until(process, "Ctrl-C stops both.")
        (tmp_path / "config.toml").write_text("[limits]\ninbox = -1\n")
        bad = "\n".join(lines_until(process, "the daemon goes on with the configuration it has"))
        assert "limits.inbox" in bad
        (tmp_path / "config.toml").write_text("[limits]\ninbox = 100\n")
        again = "\n".join(lines_until(process, "the daemon runs with the changed configuration"))
        assert re.search(r"^Read +config\.toml$", again, re.MULTILINE)
        os.killpg(process.pid, signal.SIGINT)
        _, rest = process.communicate(timeout=60)
        assert process.returncode in {0, 130}, rest


def test_dev_starts_the_daemon_again_when_its_code_changes_and_waits_for_better_code_if_it_cannot(
    tmp_path: Path,
) -> None:
    checkout, original = tmp_path / "checkout", Path(server.__file__).parents[1]
    for package in ("server", "iteira_cli", "mock_server"):
        shutil.copytree(original / package, checkout / package)  # with what is compiled already
    (checkout / "pyproject.toml").touch()
    clock = checkout / "server" / "clock.py"
    good = clock.read_text(encoding="utf-8")

    ports = ("--port", str(free_port()), "--mock-port", str(free_port()))
    with started("dev", *ports, PYTHONPATH=str(checkout)) as process:
        lines_until(process, "Ctrl-C stops both.")
        clock.write_text("def broken(:\n", encoding="utf-8")
        told = "\n".join(lines_until(process, "the daemon goes on with the code it has"))
        assert "the changed code cannot be imported: SyntaxError: invalid syntax" in told
        assert f'"{clock}", line 1' in told

        clock.write_text(f"{good}\nimport sys\nif 'uvicorn' in sys.modules:\n    raise SystemExit('no time')\n")
        lines_until(process, "the code has changed: the daemon starts again")
        ended = "\n".join(lines_until(process, "the daemon starts again when a file changes"))
        assert "Error: with the changed code the daemon has ended; the lines above say why" in ended
        clock.write_text(good, encoding="utf-8")
        lines_until(process, "the daemon runs with the changed code")

        (checkout / "mock_server" / "webhook.py").touch()
        lines_until(process, "the code has changed: the mock starts again")
        lines_until(process, "the mock runs with the changed code")
        os.killpg(process.pid, signal.SIGINT)
        _, rest = process.communicate(timeout=60)
        assert process.returncode in {0, 130}, rest


def test_only_a_checkout_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "server"
    monkeypatch.setattr(source_files, "find_spec", lambda name: ModuleSpec(name, None, origin=str(folder / "x.py")))
    assert source_files.checkout() is None
    (tmp_path / "pyproject.toml").touch()
    assert source_files.checkout() == tmp_path


async def test_dev_says_how_to_call_it_and_ends_at_once_when_ctrl_c_is_pressed_twice() -> None:
    port, mock_port = free_port(), free_port()
    with started("dev", "--port", str(port), "--mock-port", str(mock_port)) as process:
        lines = lines_until(process, "Ctrl-C stops both.")
        assert any(line.endswith(f"  http://127.0.0.1:{mock_port}/") for line in lines), "where to click"
        call = next(line for line in lines if line.startswith("or from a second terminal"))
        assert call.endswith(f"simulate-call --url http://127.0.0.1:{port} --mock http://127.0.0.1:{mock_port}")
        os.killpg(process.pid, signal.SIGINT)
        lines_until(process, "stopping")
        os.killpg(process.pid, signal.SIGINT)
        _, rest = process.communicate(timeout=60)
        assert process.returncode in {0, 130}, rest
        assert "Traceback" not in rest
        # Whose output has ended may need a moment more for itself.
        await eventually(lambda: alive({process.pid}), lambda pids: pids == [])


def test_dev_names_the_port_that_is_taken_and_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        by_mock = iteira("dev", "--port", str(free_port()), "--mock-port", str(port))
    assert by_mock.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in by_mock.stderr
    assert "--mock-port" in by_mock.stderr
