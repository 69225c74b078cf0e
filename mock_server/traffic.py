"""Calls as people make them: each begins when it wants to, and says its next word when the one before was answered.

With a rate, calls begin at random times that do not wait for the daemon (open model, Poisson arrivals); with a number
of callers at the same time, a call begins when another has ended (closed model).
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from random import Random
from typing import Any

from mock_server.delivery import Delivered, Deliveries
from mock_server.faults import Fault
from mock_server.figures import Observation
from mock_server.load import Caller, Marks, Saying
from mock_server.verdict import Heard, Sent

WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be said. Times are seconds. Exactly one of `rate` and `concurrency` is given."""

    calls: int | None
    """At most so many; None: as many as begin within `duration`."""
    turns: int | None
    """Messages of a call; None: what is written for it."""
    rate: float | None = None
    """Calls that begin in a second, on average."""
    concurrency: int | None = None
    """Calls at the same time."""
    think_time: float = 0.0
    """From a reply to the next message of its call."""
    duration: float | None = None
    """After it no call begins any more."""
    ramp: float = 0.0
    """In which the load rises from nothing, evenly."""
    patience: float = 40.0
    """How long a caller waits for a reply before he speaks on."""
    scripts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Written calls by name, the lines of each; every caller takes one at random. Empty: callers give invented
    names."""


def arrivals(random: Random, rate: float, ramp: float = 0.0) -> Iterator[float]:
    """Seconds at which calls begin: a Poisson process whose rate rises evenly from 0 to `rate` within `ramp`.

    Exponential steps are taken in the expected number of arrivals, and turned back into time.
    """
    expected = 0.0
    risen = rate * ramp / 2
    while True:
        expected += random.expovariate(1)
        yield math.sqrt(2 * expected * ramp / rate) if expected < risen else expected / rate + ramp / 2


class Replies:
    """What callers hear, and who waits for it. A reply is known by the mark that its message had."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def expect(self, caller: Caller, saying: Saying) -> asyncio.Future[float]:
        """When the reply to it will be heard."""
        self._waiting[saying.mark] = asyncio.get_running_loop().create_future()
        return self._waiting[saying.mark]

    def give_up(self, caller: Caller, heard: asyncio.Future[float]) -> None:
        """Nobody waits for this any more. Harmless here: no other reply can have its mark."""

    def take(self, reply: Heard) -> None:
        """A reply was heard. The first with a mark is the one that was waited for."""
        self.heard.append(reply)
        for word in WORD.findall(reply.text):
            waiting = self._waiting.pop(word, None)
            if waiting and not waiting.done():
                waiting.set_result(reply.at)


class Traffic:
    """The calls of a plan. `name` tells its callers from all others of the same store; `tokens`, if any, are the only
    ones that the daemon takes, and are shared by all callers; `now` gives Unix seconds."""

    def __init__(
        self,
        plan: Plan,
        deliveries: Deliveries,
        replies: Replies,
        random: Random,
        *,
        name: str,
        tokens: Sequence[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self.plan = plan
        self._deliveries, self._replies, self._random, self._now = deliveries, replies, random, now
        self.name, self._tokens = name, tokens
        self._marks = Marks(random)
        self._ids = count(1)
        self.callers: list[Caller] = []
        self._sent: list[Sent | None] = []
        self.observations: list[Observation] = []
        self.said = 0
        self.under_way = 0
        """Calls that have begun and not ended."""
        self.began: float | None = None

    @property
    def sent(self) -> list[Sent]:
        """What was accepted or given up, in the order of acceptance within each caller: his next message sets out when
        the one before was heard or its webhook was answered, and either means that it was accepted."""
        return [sent for sent in self._sent if sent]

    async def run(self) -> None:
        """Until every call has ended: what was said is answered, or was waited for in vain."""
        self.began = self._now()
        async with asyncio.TaskGroup() as group:
            self._group = group
            if self.plan.rate is not None:
                await self._open(group, self.plan.rate)
            else:
                await self._closed(group)

    async def _open(self, group: asyncio.TaskGroup, rate: float) -> None:
        begin = self._now()
        for at in islice(arrivals(self._random, rate, self.plan.ramp), self.plan.calls):
            if self.plan.duration is not None and at >= self.plan.duration:
                return
            await asyncio.sleep(begin + at - self._now())
            group.create_task(self._call(begin + at))

    async def _closed(self, group: asyncio.TaskGroup) -> None:
        begin, places = self._now(), self.plan.concurrency or 1
        left = iter(range(self.plan.calls)) if self.plan.calls is not None else count()

        async def caller(at: float) -> None:
            await asyncio.sleep(begin + at - self._now())
            for _ in left:
                if self.plan.duration is not None and self._now() - begin >= self.plan.duration:
                    return
                await self._call(self._now())

        for place in range(places):
            group.create_task(caller(self.plan.ramp * place / places))

    async def _call(self, intended_at: float) -> None:
        caller = self._caller()
        self.under_way += 1
        left = self._lines()
        while left:
            await asyncio.sleep(intended_at - self._now())
            fault = self._deliveries.fault()
            together = 2 if fault and fault.name == "reorder" else 1
            lines, left = left[:together], left[together:]
            ended_at = await self._say(caller, intended_at, fault, lines)
            intended_at = ended_at + self.plan.think_time
        self.under_way -= 1

    def _lines(self) -> Sequence[str]:
        """What a caller is going to say; empty lines are names still to be invented."""
        if not self.plan.scripts:
            return [""] * (self.plan.turns or 1)
        return self.plan.scripts[self._random.choice(sorted(self.plan.scripts))]

    def _caller(self) -> Caller:
        number = len(self.callers) + 1
        name = f"{self.name}-{number}"
        token = self._tokens[number % len(self._tokens)] if self._tokens else f"token-of-{name}"
        self.callers.append(Caller(number, name, token))
        return self.callers[-1]

    async def _say(self, caller: Caller, intended_at: float, fault: Fault | None, lines: Sequence[str]) -> float:
        """Say one thing and wait for its reply; when that was. Several lines arrive in reverse order."""
        sayings = [Saying(next(self._ids), "" if line else self._marks.new(), intended_at, line) for line in lines]
        said_at, ends = self._now(), []
        for saying in reversed(sayings):
            self.said += 1
            heard = self._replies.expect(caller, saying)
            place = self._place()
            delivering = self._group.create_task(self._deliver(caller, saying, said_at, fault, heard, place))
            # Whoever hears the reply speaks on, whether or not the webhook has been answered by then.
            either: list[asyncio.Future[Any]] = [delivering, heard]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            ends.append(heard.result() if heard.done() else self._now())
        return max(ends)

    async def _deliver(
        self,
        caller: Caller,
        saying: Saying,
        said_at: float,
        fault: Fault | None,
        heard: asyncio.Future[float],
        place: int,
    ) -> None:
        done = await self._deliveries.deliver(caller.webhook(saying), fault)
        self._sent[place] = Sent(
            saying.id, caller.user_id, saying.mark, saying.intended_at, done.began, done.accepted, saying.text
        )
        heard_at = await self._reply(heard, done)
        self._replies.give_up(caller, heard)
        self.observations.append(Observation(saying.intended_at, said_at, done.accepted, done.ended, heard_at))

    def _place(self) -> int:
        """Where what comes of a message is to stand: in the order in which they set out."""
        self._sent.append(None)
        return len(self._sent) - 1

    async def _reply(self, heard: asyncio.Future[float], done: Delivered) -> float | None:
        """When the reply was heard; None if it was not, within what patience is left."""
        if done.accepted and not heard.done():
            await asyncio.wait([heard], timeout=max(done.began + self.plan.patience - self._now(), 0))
        return heard.result() if heard.done() else None
