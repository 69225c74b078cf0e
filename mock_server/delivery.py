"""Webhooks on their way to a daemon: sent again where they are refused, and disturbed where faults say so."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from mock_server.faults import Fault, Faults, Side
from mock_server.posting import Answer, Post, Unanswered

PAUSE = 0.25
"""Seconds before a refused webhook is sent again."""
GIVE_UP = 60.0
"""Seconds after which it is not sent again."""
ANSWER_TIMEOUT = 40.0
"""Seconds a webhook's answer may take; longer than it waits for the reply (25 s unless configured)."""

TOO_MANY = 429
LONGEST = 2000
"""Characters that are kept of an answer; the daemon's are a few hundred long."""


class Refused(Exception):
    """The webhook was not accepted; it may be sent again. `status` is that of the answer, if there was one."""

    def __init__(self, told: str, status: int | None = None) -> None:
        super().__init__(told)
        self.status = status


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of a webhook. Times are Unix seconds."""

    began: float
    """When the delivery began that was accepted, or else the first one."""
    ended: float
    accepted: bool
    """The webhook answered 2xx; otherwise it was given up after all attempts."""
    status: int | None = None
    """Of the last answer; None where there was none."""
    told: str = ""
    """What that answer says, or why there was none."""


class Deliveries:
    """What is refused is sent again with the same id, as TalkMe does, for `give_up` seconds.

    `target` gives a daemon's base URL for each delivery, `now` gives Unix seconds.
    """

    def __init__(
        self,
        post: Post,
        target: Callable[[], str],
        *,
        now: Callable[[], float] = time.time,
        faults: Faults | None = None,
        give_up: float = GIVE_UP,
    ) -> None:
        self._post_to, self._target, self._now, self._give_up = post, target, now, give_up
        self._faults = faults or Faults()
        self.refusals = 0
        """Deliveries that were not accepted."""
        self.limited = 0
        """Of them, those answered 429: the daemon said that too much came."""
        self.last_refusal: str | None = None

    def fault(self) -> Fault | None:
        """What is to go wrong with the next message. `reorder` is for who knows the caller's next one."""
        return self._faults.draw(Side.WEBHOOK)

    async def deliver(self, body: dict[str, Any], fault: Fault | None = None) -> Delivered:
        """Until it is accepted or given up."""
        match fault:
            case Fault(name="delay"):
                await asyncio.sleep(fault.seconds)
            case Fault(name="malformed"):
                await self._malformed(body)
            case Fault(name="dup"):
                first, _ = await asyncio.gather(self._until_taken(body), self._until_taken(body))
                return first
        return await self._until_taken(body)

    async def _until_taken(self, body: dict[str, Any]) -> Delivered:
        began = self._now()
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Refused),
            wait=wait_fixed(PAUSE),
            stop=stop_after_delay(self._give_up),
            reraise=True,
        )
        try:
            return await attempts(self._post, body)
        except Refused as refused:
            return Delivered(began, self._now(), accepted=False, status=refused.status, told=str(refused))

    async def _post(self, body: dict[str, Any]) -> Delivered:
        """Post one webhook. Raises `Refused`."""
        began = self._now()
        try:
            answer = await self._posted(_json(body))
        except Unanswered as error:
            raise self._refusal(str(error)) from error
        if not 200 <= answer.status < 300:
            raise self._refusal(answer.text[:LONGEST], answer.status)
        return Delivered(began, self._now(), accepted=True, status=answer.status, told=answer.text[:LONGEST])

    async def _posted(self, body: bytes) -> Answer:
        return await self._post_to(f"{self._target()}/webhook/talkme", body, ANSWER_TIMEOUT)

    async def _malformed(self, body: dict[str, Any]) -> None:
        """Half of the body, whose refusal is as it should be. Raises nothing: the whole one follows."""
        whole = _json(body)
        try:
            await self._posted(whole[: len(whole) // 2])
        except Unanswered as error:
            self._refusal(str(error))

    def _refusal(self, told: str, status: int | None = None) -> Refused:
        self.refusals += 1
        self.limited += status == TOO_MANY
        self.last_refusal = f"status {status}: {told[:200]}" if status else told
        return Refused(told, status)


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
