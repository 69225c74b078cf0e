"""The service manager may hold the address while the daemon is started again: callers wait instead of being refused."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.daemon import documented
from tests.polling import eventually
from tests.scripted_talkme import ScriptedTalkMe


@contextmanager
def daemon_on(sock: socket.socket, folder: Path, talkme: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`iteira serve` that is given `sock` as systemd would: as descriptor 3, for this process alone."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ITEIRA_", "OPENAI_"))}
    own = {"BASE_URL_TALKME": talkme, "ITEIRA_KNOWLEDGE__EMBEDDER": "none"}
    as_systemd = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 0</dev/null', "sh"]
    serve = [sys.executable, "-m", "iteira_cli", "serve", "--port", str(port)]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*as_systemd, *serve], cwd=folder, env={**clean, **own}, stdin=sock.fileno(), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_who_calls_while_no_daemon_runs_is_answered_by_the_next_one(
    folder: Path, port: int, talkme: ScriptedTalkMe
) -> None:
    with socket.create_server(("127.0.0.1", port)) as held:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            early = asyncio.create_task(client.post("/webhook/talkme", json=documented()))
            with daemon_on(held, folder, talkme.url, port) as daemon:
                assert (await early).json()["message"] == "Сообщение отправлено"
                daemon.send_signal(signal.SIGTERM)
                await eventually(lambda: daemon.poll() is not None)
        waiting = socket.create_connection(("127.0.0.1", port))
        waiting.close()  # it was taken: the socket outlives the daemon
    assert len(talkme.sent()) == 1


async def test_a_socket_on_another_address_than_the_settings_name_is_not_served(folder: Path, port: int) -> None:
    with (
        socket.create_server(("0.0.0.0", port)) as everywhere,
        daemon_on(everywhere, folder, "http://127.0.0.1:1/", port) as refused,
    ):
        await eventually(lambda: refused.poll() is not None)
    assert refused.returncode == 1
    assert f"server.host and server.port say 127.0.0.1:{port}" in " ".join((folder / "log").read_text().split())
