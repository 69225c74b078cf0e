"""The live screen of `iteira stats --watch`: looks at the daemon again and again, draws, and obeys keys."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.live import Live

from iteira_cli.errors import CliError
from iteira_cli.keyboard import GONE, Keyboard
from iteira_cli.live_screen import Glance, History, View, draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iteira_cli.admin_client import AdminClient
    from iteira_cli.output import Output

SHOWN_WAITING = 100
TICK = 0.25
"""Seconds after which the screen is drawn again, so that the clocks of who waits run."""


class Feed:
    """Asks the daemon in a thread of its own: a daemon that hangs must not make the keys hang. A look that fails is a
    look too, and the next one is made all the same."""

    def __init__(self, client: AdminClient, every: float) -> None:
        """Looks for the first time. Raises what the client raises: who begins wants to know at once."""
        self._client, self._every = client, every
        self._stop = threading.Event()
        self.history = History()
        self.latest = self._look()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self.latest = self._look()
            except CliError as error:
                self.latest = self.latest.failed(str(error), time.monotonic())
            except Exception as error:  # whatever a look ends by, the next one may find figures
                self.latest = self.latest.failed(f"what it answers cannot be read: {error!r}", time.monotonic())

    def _look(self) -> Glance:
        stats, health = self._client.stats(), self._client.health()
        waiting = self._client.waiting(SHOWN_WAITING)["waiting"]
        now = time.monotonic()
        self.history.add(stats, now)
        return Glance(now, stats, waiting, health)


def watch(client: AdminClient, output: Output, every: float, red_from: float) -> None:
    """Draw until `q`. Raises what the first look raises; a daemon that goes away later is waited for."""
    feed = Feed(client, every)
    view = View(client.url, every, red_from, feed.latest)
    with feed.running(), Keyboard() as keyboard, _screen(output) as live:
        while True:
            if not view.paused:
                view.glance, view.now = feed.latest, time.monotonic()
            live.update(draw(view, feed.history, output.out.width, output.out.height), refresh=True)
            match keyboard.key(TICK):
                case "q" | "Q" | "\x04":
                    return
                case name if name == GONE:
                    return
                case "p" | "P" | " ":
                    view.paused = not view.paused
                case "up" | "k":
                    view.select(-1)
                case "down" | "j":
                    view.select(+1)
                case "o" | "O" | "enter":
                    _open(client, output, keyboard, live, view)


def _open(client: AdminClient, output: Output, keyboard: Keyboard, live: Live, view: View) -> None:
    """Show the session that is selected on the usual screen, where it stays to be read later."""
    chosen = view.chosen
    if chosen is None:
        return
    from iteira_cli.conversation import show

    live.stop()
    try:
        show(output, client.session(chosen["user_id"]))
    except CliError as error:
        output.error(str(error), error.hint)
    output.note("Any key leads back; `iteira why` with the user id tells what happened.")
    while keyboard.key(3600) is None:
        pass
    live.start()


def _screen(output: Output) -> Live:
    return Live(console=output.out, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
