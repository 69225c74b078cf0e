"""Record the screens of the README, from the commands as they run against a real daemon: `make screens`.

The daemon answers from the sample knowledge base; its TalkMe is a server that takes most replies, refuses one and lets
one wait, so that there is something to see.
"""

from __future__ import annotations

import asyncio
import math
import re
import shutil
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

import httpx
from rich.console import Console, RenderableType
from rich.text import Text

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from iteira_cli.admin_client import AdminClient
from iteira_cli.live import Feed
from iteira_cli.live_screen import View, draw
from tests.cli.terminal import iteira_on_terminal
from tests.daemon import documented, running_daemon, settings_for
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe, scripted_talkme

WIDTH, HEIGHT = 100, 24
FOLDER = ROOT / "docs" / "screens"
FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""rich would have them loaded from elsewhere; every reader has a monospaced font."""
CALLS = (
    ("anna", "Здравствуйте, меня зовут Анна"),
    ("anna", "Сколько стоит маникюр?"),
    ("boris", "Где вы находитесь?"),
    ("vera", "Вы работаете в воскресенье?"),
    ("vera", "А педикюр сколько стоит?"),
)


async def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree(ROOT / "knowledge", folder / "knowledge")
        async with scripted_talkme() as talkme, running_daemon(settings_for(folder, talkme.url)) as url:
            await _record(url, talkme)


async def _record(url: str, talkme: ScriptedTalkMe) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as callers:
        for user, text in CALLS:
            await callers.post("/webhook/talkme", json=documented(text, user))
        talkme.script["send"].append(Answer(status=401, body={"success": False, "error": {"descr": "Invalid token"}}))
        await callers.post("/webhook/talkme", json=documented("Можно записаться на завтра?", "galina"))
        taken, sent = asyncio.Event(), len(talkme.sent())
        talkme.script["send"].append(Answer(until=taken))
        call = asyncio.create_task(callers.post("/webhook/talkme", json=documented("Алло?", "elena")))
        await eventually(lambda: len(talkme.sent()) > sent)
        talking = asyncio.create_task(_talk(callers))
        await asyncio.to_thread(_watch, url)
        talking.cancel()
        for name, command in {
            "stats": ("stats",),
            "why": ("why", "galina"),
            "sessions-show": ("sessions", "show", "anna"),
        }.items():
            await asyncio.to_thread(_command, name, command, url)
        taken.set()
        await call


async def _talk(callers: httpx.AsyncClient) -> None:
    """Others call meanwhile, now more and now less of them."""
    for at in range(1000):
        await callers.post("/webhook/talkme", json=documented("Сколько стоит стрижка?", f"caller-{at % 4}"))
        await asyncio.sleep(0.2 + 0.8 * abs(math.sin(at / 3)))


def _command(name: str, command: tuple[str, ...], url: str) -> None:
    shown = iteira_on_terminal(*command, "--url", url, columns=WIDTH)
    _save(name, Text.from_ansi(shown.stdout.replace("\r\n", "\n").rstrip()), f"iteira {' '.join(command)}")


def _watch(url: str) -> None:
    feed = Feed(AdminClient(url), 1.0)
    with feed.running():
        first = feed.latest
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline or feed.latest is first:
            time.sleep(0.1)
        view = View(url, 1.0, 5.0, feed.latest)
        _save("watch", draw(view, feed.history, WIDTH, HEIGHT), "iteira stats --watch")


def _save(name: str, shown: RenderableType, title: str) -> None:
    paper = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor", file=StringIO())
    paper.print(shown)
    svg = FONTS.sub("", paper.export_svg(title=title, unique_id=name))
    (FOLDER / f"{name}.svg").write_text("\n".join(map(str.rstrip, svg.splitlines())) + "\n", encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(main())
