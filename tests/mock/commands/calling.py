"""`iteira` as a program that calls a daemon, and what that daemon answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cli.terminal import IteiraProcess, iteira
from tests.mock.daemon_double import SENT, TalkMe


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`iteira` in the background, ended with the block."""
    command = [sys.executable, "-m", "iteira_cli", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


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
