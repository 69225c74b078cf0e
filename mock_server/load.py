"""Many callers at once: webhooks in TalkMe's form, at random times that do not wait for the daemon (open model)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import anyio

from mock_server.delivery import Deliveries
from mock_server.posting import Post
from mock_server.verdict import Sent
from mock_server.webhook import webhook

CONSONANTS, VOWELS = "взлмнртфцчш", "аеиоуыэюя"
"""Too few letters for a word that a caller would be called to order for."""
ENDING = "нкс"
"""No Russian name ends like this, so nobody puts a name that does into another case."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What a caller wants to say, and when (Unix seconds)."""

    id: int
    mark: str
    intended_at: float
    line: str = ""
    """What is written for him to say; without it he gives his mark as his name."""

    @property
    def text(self) -> str:
        return self.line or f"меня зовут {self.mark}"


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller with a dialog of his own; what he has to say waits in `line`, and None ends it."""

    number: int
    user_id: str
    token: str
    """Of his webhooks; TalkMe knows his dialog by it."""
    line: asyncio.Queue[Saying | None] = field(default_factory=asyncio.Queue)

    def webhook(self, saying: Saying) -> dict[str, Any]:
        """What TalkMe sends for it."""
        client = {
            "searchId": self.number,
            "login": f"{self.number}_posetitel",
            "clientId": self.user_id,
            "name": f"{self.number} посетитель в сентябре 2025 года",
            "phone": None,
        }
        return webhook(self.token, client, saying.text, message_id=saying.id, dialog_id=self.number)


class Marks:
    """Names that nobody has had: what a caller says has one, and its reply repeats it."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._given: set[str] = set()

    def new(self) -> str:
        while True:
            syllables = (self._random.choice(CONSONANTS) + self._random.choice(VOWELS) for _ in range(5))
            mark = ("".join(syllables) + ENDING).capitalize()
            if mark not in self._given:
                self._given.add(mark)
                return mark


class Load:
    """`rate` messages a second in all, from `callers` callers, each of whom says something else every time.

    A caller's next message is sent once the one before was accepted or given up, so that the order of acceptance is
    known. `target` gives a daemon's base URL for each delivery; `name` tells the callers of this load from all others
    of the same store; `now` gives Unix seconds.
    """

    def __init__(
        self,
        post: Post,
        random: Random,
        *,
        name: str,
        callers: int,
        rate: float,
        target: Callable[[], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._random, self._rate, self._now = random, rate, now
        self._marks = Marks(random)
        self._deliveries = Deliveries(post, target, now=now)
        self.callers = [
            Caller(number, f"{name}-{number}", f"token-of-{name}-{number}") for number in range(1, callers + 1)
        ]
        self.intended = 0
        """Messages that the callers wanted to say until now."""
        self.sent: list[Sent] = []
        """Those accepted or given up, in this order."""

    @property
    def refusals(self) -> int:
        """Deliveries that were not accepted."""
        return self._deliveries.refusals

    @property
    def last_refusal(self) -> str | None:
        return self._deliveries.last_refusal

    async def run(self, seconds: float) -> None:
        """Let the callers speak for `seconds`; return when all that they said was accepted or given up.

        Where it is broken off, each caller is told until he hears it: a client that connects at that moment may take
        it for the end of its own attempts (asyncio's task group tells once).
        """
        async with anyio.create_task_group() as group:
            for caller in self.callers:
                group.start_soon(self._speak, caller)
            await self._arrive(seconds)
            for caller in self.callers:
                caller.line.put_nowait(None)

    async def _arrive(self, seconds: float) -> None:
        """Poisson arrivals: intended times are drawn beforehand and not moved by what the daemon does."""
        begin = self._now()
        at = self._random.expovariate(self._rate)
        while at < seconds:
            await asyncio.sleep(begin + at - self._now())
            self.intended += 1
            saying = Saying(self.intended, self._marks.new(), begin + at)
            self._random.choice(self.callers).line.put_nowait(saying)
            at += self._random.expovariate(self._rate)
        await asyncio.sleep(begin + seconds - self._now())

    async def _speak(self, caller: Caller) -> None:
        while saying := await caller.line.get():
            done = await self._deliveries.deliver(caller.webhook(saying))
            self.sent.append(
                Sent(saying.id, caller.user_id, saying.mark, saying.intended_at, done.began, done.accepted)
            )
