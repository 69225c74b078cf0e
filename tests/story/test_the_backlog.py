"""Who would have to wait too long is refused at once, and those who were taken are answered in time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from server.intake.backlog import Backlog, Place
from server.models import Incoming, Message, State
from server.stores.base import CROWD
from tests.clock import FakeClock
from tests.daemon import documented, running_daemon, settings_for
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe

WAIT = 3.0
URL = "/webhook/talkme"


class Day:
    """A process whose workers begin with so many messages a second, in their order, and answer them at once."""

    def __init__(self, pace: float) -> None:
        self.clock = FakeClock()
        self.backlog = Backlog(WAIT, self.clock)
        self.taken = self.refused = 0
        self.waits: list[float] = []
        self._pace, self._may_begin = pace, 0.0
        self._queue: deque[tuple[Message, AbstractContextManager[Place]]] = deque()

    def call(self, rate: float, seconds: float) -> None:
        """So many webhooks a second come in."""
        for _ in range(int(rate * seconds)):
            if self.backlog.refuses():
                self.refused += 1
            else:
                self._take()
            self._go_on(1 / rate)

    def _take(self) -> None:
        self.taken += 1
        entered = self.backlog.place()
        entered.__enter__().of(str(self.taken))
        self._queue.append((message(str(self.taken), self.clock.now()), entered))

    def _go_on(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._may_begin = min(self._may_begin + seconds * self._pace, max(1.0, len(self._queue)))
        while self._queue and self._may_begin >= 1:
            self._may_begin -= 1
            begun, entered = self._queue.popleft()
            self.waits.append(self.clock.now() - begun.waiting_since)
            self.backlog.begun(begun)
            entered.__exit__(None, None, None)

    def end(self) -> float:
        """Nobody calls any more: seconds until the last one has been begun with."""
        ended = self.clock.now()
        while self._queue:
            self._go_on(0.01)
        return self.clock.now() - ended


def message(message_id: str, at: float) -> Message:
    said = Incoming("token-of-the-salon", "anna", "anna", "Привет")
    return Message(message_id, said, State.ANSWERING, accepted_at=at, waiting_since=at, updated_at=at)


def test_a_burst_of_a_second_is_taken_whole() -> None:
    day = Day(pace=100)
    day.call(rate=1000, seconds=1)
    assert (day.taken, day.refused) == (1000, 0)


def test_nobody_waits_much_longer_than_he_may_however_many_call() -> None:
    day = Day(pace=350)
    day.call(rate=700, seconds=30)
    assert max(day.waits) <= WAIT + 0.5
    assert day.taken > 30 * 350, "workers always had something to do"
    assert day.refused > 8000
    assert day.end() <= WAIT


def test_when_the_load_has_ended_all_are_taken_again() -> None:
    day = Day(pace=350)
    day.call(rate=700, seconds=10)
    day.end()
    day.refused = 0
    day.call(rate=300, seconds=10)
    assert day.refused == 0


def test_what_the_workers_keep_up_with_is_no_backlog() -> None:
    day = Day(pace=350)
    day.call(rate=340, seconds=30)
    assert day.refused == 0


def test_waiting_for_a_slow_model_is_no_backlog() -> None:
    """Each is begun with as soon as he has come, and answered much later."""
    clock = FakeClock()
    backlog = Backlog(WAIT, clock)
    entered = []
    for number in range(2000):
        assert not backlog.refuses()
        entered.append(backlog.place())
        entered[-1].__enter__().of(str(number))
        backlog.begun(message(str(number), clock.now()))
        clock.advance(0.01)
    assert backlog.seconds == 0


def test_what_other_processes_answer_is_no_backlog() -> None:
    """This one does not see them begin, but its own workers begin at once with what they find."""
    clock = FakeClock()
    backlog = Backlog(WAIT, clock)
    entered: deque[AbstractContextManager[Place]] = deque()
    for number in range(3000):
        assert not backlog.refuses()
        entered.append(backlog.place())
        entered[-1].__enter__().of(str(number))
        backlog.begun(message(f"from another one {number}", clock.now() - 0.01))
        if len(entered) > 1000:  # the model takes ten seconds
            entered.popleft().__exit__(None, None, None)
        clock.advance(0.01)


async def test_a_daemon_refuses_whoever_would_wait_too_long_and_answers_all_that_it_has_taken(
    folder: Path, talkme: ScriptedTalkMe, caplog: pytest.LogCaptureFixture
) -> None:
    settings, clock = settings_for(folder, talkme.url, limits={"concurrent_turns": 1, "wait": WAIT}), FakeClock()
    first, second = asyncio.Event(), asyncio.Event()
    talkme.script["send"] += [Answer(until=first), Answer(until=second)]
    limits = httpx.Limits(max_connections=None)
    async with running_daemon(settings, clock) as url, httpx.AsyncClient(base_url=url, limits=limits) as daemon:

        async def said(user: str) -> httpx.Response:
            return await daemon.post(URL, json=documented(user=user), timeout=30)

        async def figure(name: str) -> object:
            return (await daemon.get(f"{URL}/stats")).json()[name]

        try:
            crowd = [asyncio.create_task(said(f"caller-{number}")) for number in range(CROWD + 10)]
            await eventually(lambda: figure("queue"), lambda queue: queue["depth"] == len(crowd))
            await eventually(lambda: len(talkme.of("send")) == 1)
            clock.advance(1.5)  # in which nobody was answered
            first.set()
            await eventually(lambda: len(talkme.of("send")) == 2)

            refused = [await said("too many"), await said("too many")]
            assert [answer.status_code for answer in refused] == [503, 503]
            assert refused[0].headers["Retry-After"] == "3"
            assert refused[0].headers["Cache-Control"] == "no-store"
            body = refused[0].json()
            assert (body["success"], body["session_id"], body["end_conversation"]) == (False, None, False)
            assert "limits.wait" in body["error"]
            told = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
            assert len([line for line in told if "webhooks are refused with 503" in line]) == 1
        finally:  # else a daemon that is wrong waits for its turns to end
            first.set()
            second.set()
        assert {answer.status_code for answer in await asyncio.gather(*crowd)} == {200}
        assert len(talkme.sent()) == len(crowd)
        assert (await said("later")).status_code == 200
        clock.advance(1)
        await eventually(lambda: figure("refused"), lambda refused: refused == {"503": 2})
