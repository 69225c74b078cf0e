"""`iteira stats --watch`: the live screen, on a real terminal, and the pictures it is made of."""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest
from rich.console import Console

from iteira_cli.live_screen import Glance, History, View, draw, sparkline

from .documents import DETAIL, HEALTH, STATS, WAITING
from .scripted_daemon import ScriptedDaemon
from .terminal import LiveTerminal, iteira, iteira_on_terminal

HEALTHY: dict[str, Any] = HEALTH | {"status": "ok", "checks": {"store": {"status": "ok", "detail": "sqlite"}}}


def scripted(daemon: ScriptedDaemon, **stats: object) -> ScriptedDaemon:
    daemon.answers |= {
        "GET /webhook/talkme/stats": (200, STATS | stats),
        "GET /webhook/talkme/waiting?limit=100": (200, WAITING),
        "GET /webhook/talkme/health": (200, HEALTHY),
        "GET /webhook/talkme/session/xI4WylKDvtas": (200, DETAIL),
        "GET /webhook/talkme/session/boris": (200, DETAIL | {"user_id": "boris", "client_name": "Борис"}),
    }
    return daemon


def watching(daemon: ScriptedDaemon, *arguments: str) -> LiveTerminal:
    return LiveTerminal("stats", "--watch", "0.2", *arguments, "--url", daemon.url)


def test_who_waits_longest_stands_first_and_is_red_from_the_limit_on(daemon: ScriptedDaemon) -> None:
    with watching(scripted(daemon), "--red-from", "30") as terminal:
        seen = terminal.shows("q quit")
        long, short = seen.index("xI4WylKDvtas"), seen.index("boris")
        assert long < short
        styles = [re.findall(r"\x1b\[[0-9;]*m", seen[:at])[-1] for at in (long, short)]
        assert styles == ["\x1b[1;31m", "\x1b[0m"]
        terminal.type("q")
        assert terminal.ends() == 0


def test_the_clock_of_who_waits_runs_between_two_looks(daemon: ScriptedDaemon) -> None:
    with LiveTerminal("stats", "--watch", "600", "--url", scripted(daemon).url) as terminal:
        terminal.shows("0:01:02")
        terminal.shows("0:01:03")
        assert sum("stats" in seen.path for seen in daemon.seen) == 1
        terminal.type("q")
        assert terminal.ends() == 0


def test_the_selected_session_opens_and_any_key_leads_back(daemon: ScriptedDaemon) -> None:
    with watching(scripted(daemon)) as terminal:
        terminal.shows("q quit")
        terminal.type("o")
        terminal.shows("Any key leads back")
        terminal.type(" ")
        terminal.shows("q quit")
        terminal.type("\x1b[B\r")
        assert "Борис" in terminal.shows("Any key leads back")
        terminal.type("x")
        terminal.shows("q quit")
        terminal.type("q")
        assert terminal.ends() == 0


def test_a_pause_holds_the_screen_still(daemon: ScriptedDaemon) -> None:
    with watching(scripted(daemon)) as terminal:
        terminal.shows("answered 42")
        terminal.type("p")
        terminal.shows("PAUSED")
        scripted(daemon, messages_processed=4711)
        terminal.type("p")
        terminal.shows("answered 4711")
        terminal.type("q")
        assert terminal.ends() == 0


def test_a_daemon_that_restarts_is_waited_for() -> None:
    with ScriptedDaemon() as before:
        terminal = watching(scripted(before))
        terminal.shows("answered 42")
    with terminal:
        terminal.shows("NO FIGURES for")
        terminal.shows("does not answer at")
        with ScriptedDaemon(before.port) as after:
            scripted(after, messages_processed=43)
            terminal.shows("answered 43")
            terminal.type("q")
            assert terminal.ends() == 0


def test_an_answer_that_nobody_can_read_does_not_end_the_looks(daemon: ScriptedDaemon) -> None:
    with watching(scripted(daemon)) as terminal:
        terminal.shows("answered 42")
        scripted(daemon, messages_processed=None)
        terminal.shows("NO FIGURES for")
        scripted(daemon, messages_processed=43)
        terminal.shows("answered 43")
        terminal.type("q")
        assert terminal.ends() == 0


def test_an_interrupt_gives_the_terminal_back(daemon: ScriptedDaemon) -> None:
    with watching(scripted(daemon)) as terminal:
        terminal.shows("q quit")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ends() == 130


def test_a_daemon_that_is_down_from_the_start_is_told_at_once(nobody: str) -> None:
    shown = iteira_on_terminal("stats", "--watch", "--url", nobody)
    assert shown.returncode == 3
    assert "does not answer" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--watch"], "needs a terminal"),
        (["--watch", "--json"], "needs a terminal"),
        (["5"], "--watch is not there"),
        (["--watch", "0"], "0.2"),
    ],
)
def test_what_cannot_be_watched_is_wrong_usage(daemon: ScriptedDaemon, arguments: list[str], said: str) -> None:
    shown = iteira("stats", *arguments, "--url", daemon.url)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert said in shown.stderr


# Pictures


def picture(view: View, history: History | None = None, width: int = 80, height: int = 24) -> list[str]:
    paper = Console(width=width, height=height, no_color=True, force_terminal=False, highlight=False)
    with paper.capture() as drawn:
        paper.print(draw(view, history or History(), width, height))
    return drawn.get().splitlines()


def seen(health: dict[str, Any] = HEALTHY, waiting: list[Any] = WAITING["waiting"], **stats: object) -> View:
    glance = Glance(100.0, STATS | stats, waiting, health)  # type: ignore[arg-type]
    return View("http://127.0.0.1:8000", 2.0, 8.0, glance, now=100.0)


@pytest.mark.parametrize(("width", "height"), [(60, 16), (80, 24), (160, 50)])
def test_it_never_takes_more_than_the_terminal_has(width: int, height: int) -> None:
    crowd = [WAITING["waiting"][0] | {"id": str(number)} for number in range(100)]
    view = seen(HEALTH, crowd, latest_errors=STATS["latest_errors"] * 10, queue={"depth": 120, "oldest_seconds": 9})
    view.select(60)
    lines = picture(view, width=width, height=height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any(line.startswith("›") for line in lines), "the selected one is in sight"


def test_a_part_that_serves_badly_is_named_with_its_reason() -> None:
    checks = {"talkme": {"status": "degraded", "detail": "the latest reply was not delivered: HTTP 500"}}
    lines = picture(seen(HEALTH | {"checks": checks}))
    assert "talkme degraded: the latest reply was not delivered: HTTP 500" in lines


def test_without_workers_it_says_that_nobody_answers() -> None:
    assert "no worker reports itself: nobody answers" in picture(seen(workers=[]))


def test_with_nobody_waiting_and_no_errors_it_says_so() -> None:
    assert {"Nobody waits.", "No errors."} <= set(picture(seen(waiting=[], latest_errors=[], errors=0)))
    assert "No errors are left." in picture(seen(waiting=[], latest_errors=[], errors=3))


def test_throughput_is_what_was_answered_in_the_last_minute() -> None:
    history = History()
    for at, processed in ((0, 10), (30, 20), (60, 20), (90, 20), (120, 0), (150, 1)):
        history.add(STATS | {"messages_processed": processed}, float(at))  # type: ignore[arg-type]
    assert list(history.replies) == [20.0, 10.0, 0.0, 2.0], "another store is no negative speed"
    assert list(history.slow) == [1.2] * 4


def test_a_sparkline_shows_the_latest_and_leaves_out_what_is_unknown() -> None:
    assert sparkline([9, 0, 1, None, 2], 4) == "▁▅ █"
    assert sparkline([0, 0], 4) == "▁▁"


def test_a_selection_stays_with_its_caller_while_others_come_and_go() -> None:
    view = seen()
    assert view.chosen is WAITING["waiting"][0]
    view.select(+5)
    assert view.chosen is WAITING["waiting"][1]
    view.glance = Glance(101.0, view.glance.stats, WAITING["waiting"][1:], view.glance.health)
    assert view.chosen is WAITING["waiting"][1]
    view.glance = Glance(102.0, view.glance.stats, [], view.glance.health)
    assert view.chosen is None
