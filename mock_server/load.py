"""Many callers at once: webhooks in TalkMe's form, at random times that do not wait for the daemon (open model)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from mock_server.verdict import Sent

PAUSE = 0.25
"""Seconds before a refused webhook is sent again."""
GIVE_UP = 60.0
"""Seconds after which it is not sent again."""
ANSWER_TIMEOUT = 40.0
"""Seconds a webhook's answer may take; longer than it waits for the reply (25 s unless configured)."""

CONSONANTS, VOWELS = "бвгджзклмнпрстфхцчшщ", "аеиоуыэюя"
ENDING = "нкс"
"""No Russian name ends like this, so nobody puts a name that does into another case."""


class Refused(Exception):
    """The webhook was not accepted; it may be sent again."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What a caller wants to say, and when (Unix seconds)."""

    id: int
    mark: str
    intended_at: float

    @property
    def text(self) -> str:
        return f"меня зовут {self.mark}"


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller with a dialog of his own; what he has to say waits in `line`, and None ends it."""

    number: int
    user_id: str
    token: str
    line: asyncio.Queue[Saying | None] = field(default_factory=asyncio.Queue)

    def webhook(self, saying: Saying) -> dict[str, Any]:
        """The form in which TalkMe really sends it: with neither `session_id` nor `user_id`."""
        return {
            "token": self.token,
            "site": {"id": "mock", "domain": "iteira"},
            "client": {
                "searchId": self.number,
                "login": f"{self.number}_posetitel",
                "clientId": self.user_id,
                "name": f"{self.number} посетитель в сентябре 2025 года",
                "phone": None,
            },
            "message": {"text": saying.text},
            "originalOnlineChatMessage": {"id": saying.id, "text": saying.text, "dialogId": self.number},
        }


class Load:
    """`rate` messages a second in all, from `callers` callers, each of whom says something else every time.

    A caller's next message is sent once the one before was accepted or given up, so that the order of acceptance is
    known. What is refused is sent again with the same id, as TalkMe does. `target` gives a daemon's base URL for each
    delivery; `name` tells the callers of this load from all others of the same store; `now` gives Unix seconds.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        random: Random,
        *,
        name: str,
        callers: int,
        rate: float,
        target: Callable[[], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http, self._random, self._rate, self._target, self._now = http, random, rate, target, now
        self._marks: set[str] = set()
        self.callers = [
            Caller(number, f"{name}-{number}", f"token-of-{name}-{number}") for number in range(1, callers + 1)
        ]
        self.intended = 0
        """Messages that the callers wanted to say until now."""
        self.sent: list[Sent] = []
        """Those accepted or given up, in this order."""
        self.refusals = 0
        """Deliveries that were not accepted."""
        self.last_refusal: str | None = None

    async def run(self, seconds: float) -> None:
        """Let the callers speak for `seconds`; return when all that they said was accepted or given up."""
        async with asyncio.TaskGroup() as group:
            for caller in self.callers:
                group.create_task(self._speak(caller))
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
            saying = Saying(self.intended, self._mark(), begin + at)
            self._random.choice(self.callers).line.put_nowait(saying)
            at += self._random.expovariate(self._rate)
        await asyncio.sleep(begin + seconds - self._now())

    def _mark(self) -> str:
        """A name that nobody has had."""
        while True:
            syllables = (self._random.choice(CONSONANTS) + self._random.choice(VOWELS) for _ in range(5))
            mark = ("".join(syllables) + ENDING).capitalize()
            if mark not in self._marks:
                self._marks.add(mark)
                return mark

    async def _speak(self, caller: Caller) -> None:
        while saying := await caller.line.get():
            began = self._now()
            attempts = AsyncRetrying(
                retry=retry_if_exception_type(Refused),
                wait=wait_fixed(PAUSE),
                stop=stop_after_delay(GIVE_UP),
                reraise=True,
            )
            try:
                began = await attempts(self._deliver, caller.webhook(saying))
                accepted = True
            except Refused:
                accepted = False
            self.sent.append(Sent(saying.id, caller.user_id, saying.mark, saying.intended_at, began, accepted))

    async def _deliver(self, body: dict[str, Any]) -> float:
        """Post one webhook; when that began, if it was accepted. Raises `Refused`."""
        began = self._now()
        try:
            answer = await self._http.post(f"{self._target()}/webhook/talkme", json=body, timeout=ANSWER_TIMEOUT)
        except httpx.TransportError as error:
            raise self._refusal(str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise self._refusal(f"status {answer.status_code}: {answer.text[:200]}")
        return began

    def _refusal(self, reason: str) -> Refused:
        self.refusals += 1
        self.last_refusal = reason
        return Refused(reason)
