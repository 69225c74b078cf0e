"""Delivery: a reply on its way to the caller's ear, whole or sentence by sentence, and what is known of it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from server.clock import Clock
from server.ending import ended
from server.errors import TalkMeError, unquoted
from server.models import Claim, FinishCode
from server.observability.timeline import Timeline
from server.observability.track_record import TrackRecord
from server.talkme.client import Ended, TalkMe

log = logging.getLogger(__name__)

Pause = Callable[[], Awaitable[None]]

TAKEN = "200"
FILLER_SECONDS = 3.0
"""How long a reply waits for a filler that is on its way already."""
KIND = re.compile(r"HTTP \d+|no answer within [\d.]+ s")


class Delivery:
    """Speaks to one caller through TalkMe for one turn. `record` learns how TalkMe serves."""

    def __init__(
        self,
        talkme: TalkMe,
        claim: Claim,
        must_hold: Callable[[], None],
        record: TrackRecord,
        timeline: Timeline,
        clock: Clock,
    ) -> None:
        self._talkme, self._token, self._id = talkme, claim.message.incoming.token, claim.message.id
        self._must_hold, self._record, self._clock = must_hold, record, clock
        self.timeline = timeline

    async def send(self, text: str) -> None:
        """Have it spoken. Raises `TalkMeError` after all attempts, and `LeaseLost`."""
        attempts, began = 0, self._clock.now()

        def before() -> None:
            nonlocal attempts
            self._must_hold()
            attempts += 1

        outcome = "not taken"
        try:
            await self._talkme.send(self._token, text, before, self._noted("send"))
            outcome = "taken"
        except TalkMeError as error:
            outcome = _kind(error)
            self._record.failed(unquoted(str(error)))
            raise
        finally:
            self.timeline.add("send", outcome=outcome, attempts=attempts, seconds=self._clock.now() - began)
        self._record.succeeded()

    def _noted(self, call: str) -> Ended:
        """Notes each attempt that was not taken; the one that was is what `send` and `finish` tell of."""

        def ended(how: str, seconds: float) -> None:
            if how != TAKEN:
                self.timeline.add("attempt", call=call, outcome=how, seconds=seconds)

        return ended

    async def finish(self, code: FinishCode, until: float) -> None:
        """End the dialog, `until` that hour at the latest. What goes wrong is only noted: the caller has heard the
        reply, and sending it again would be worse."""
        began, outcome = self._clock.now(), "taken"
        try:
            async with self._clock.timeout(max(0.0, until - began)):
                await self._talkme.finish(self._token, code, self._noted("finish"))
        except TalkMeError as error:
            outcome = _kind(error)
            log.warning("message %s: the dialog was not finished: %s", self._id, unquoted(str(error)))
        except TimeoutError:
            outcome = "no answer in time"
            log.warning("message %s: the dialog was not finished within server.message_timeout", self._id)
        self.timeline.add("finish", code=code.value, outcome=outcome, seconds=self._clock.now() - began)


class Filler:
    """A few words for a caller who has to wait, said once and not part of any reply."""

    def __init__(self, talkme: TalkMe, clock: Clock, after: float, words: str) -> None:
        """`after`: seconds from the beginning of a turn; 0 for never."""
        self._talkme, self._clock, self._after, self._words = talkme, clock, after, words

    @asynccontextmanager
    async def ready(self, claim: Claim, must_hold: Callable[[], None], timeline: Timeline) -> AsyncIterator[Pause]:
        """Whoever has something to say calls what this gives, and waits for it: nothing is said over the filler."""
        if not self._after or claim.message.attempts > 1:  # the worker before may have said it
            yield _nothing
            return
        saying: list[asyncio.Task[None]] = []

        def begin() -> None:
            saying.append(asyncio.create_task(self._say(claim, must_hold, timeline)))

        alarm = self._clock.later(self._after, begin)

        async def quiet() -> None:
            alarm.cancel()
            if saying:
                with suppress(TimeoutError):
                    async with self._clock.timeout(FILLER_SECONDS):
                        await asyncio.wait(saying)
                saying.pop().cancel()

        try:
            yield quiet
        finally:  # where nobody has waited for it nothing will be said that it could disturb
            alarm.cancel()
            if saying:
                await ended(*saying)

    async def _say(self, claim: Claim, must_hold: Callable[[], None], timeline: Timeline) -> None:
        outcome = "not taken"
        try:
            await self._talkme.send(claim.message.incoming.token, self._words, must_hold)
            outcome = "taken"
        except Exception as error:  # it is a courtesy: nothing that goes wrong with it may matter
            log.debug("no filler: %s", type(error).__name__)
        finally:  # also where the reply would not wait for it: TalkMe may have taken it all the same
            timeline.add("filler", outcome=outcome)


async def _nothing() -> None:
    pass


def _kind(error: TalkMeError) -> str:
    """Without TalkMe's own words, which may quote what was sent."""
    found = KIND.search(str(error))
    return found[0] if found else type(error).__name__
