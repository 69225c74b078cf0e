"""A turn: the whole story of one reply, from a claimed message to its recorded outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tenacity import AsyncRetrying, retry_if_exception, wait_fixed

from server.clock import Clock
from server.consultant.base import Inquiry
from server.consultant.fallback import Fallback
from server.conversation.asked import AskedQuestions
from server.conversation.query import query
from server.conversation.typing import Typing
from server.errors import ConsultantError, LeaseLost, StoreError, TalkMeError
from server.knowledge.base import Knowledge
from server.models import Claim, Message, Reply, State
from server.observability.track_record import TrackRecord
from server.stores.base import Inbox
from server.talkme.client import TalkMe

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
"""A message that takes worker after worker down with it must not take all of them."""
RECORD_PAUSE = 0.5
"""Seconds between attempts to record an outcome while the store is away."""

LEVELS = {State.SENT: logging.INFO, State.EXPIRED: logging.WARNING, State.FAILED: logging.ERROR}


class Turn:
    """Knows, thinks, speaks and records, in this order. One object serves all turns of a process.

    `delivery` learns how TalkMe serves. `message_timeout` and `stale_after` are in seconds, as the settings of these
    names.
    """

    def __init__(
        self,
        inbox: Inbox,
        knowledge: Knowledge,
        asked: AskedQuestions,
        consultant: Fallback,
        talkme: TalkMe,
        typing: Typing,
        clock: Clock,
        delivery: TrackRecord,
        *,
        message_timeout: float,
        stale_after: float,
    ) -> None:
        self._inbox, self._knowledge, self._asked, self._consultant = inbox, knowledge, asked, consultant
        self._talkme, self._typing, self._clock, self._delivery = talkme, typing, clock, delivery
        self._message_timeout, self._stale_after = message_timeout, stale_after

    async def take(self, claim: Claim, must_hold: Callable[[], None]) -> None:
        """Bring the claimed message to its end. Raises `LeaseLost` when it is not ours any more.

        `must_hold` raises it too: it is asked before anything is said, so that a worker which has slept through its
        lease says nothing.
        """
        state, reason = await self._answer(claim, must_hold)
        log.log(LEVELS[state], "message %s %s%s", claim.message.id, state, f": {reason}" if reason else "")
        await self._record(claim, state, reason)

    async def _answer(self, claim: Claim, must_hold: Callable[[], None]) -> tuple[State, str | None]:
        age = self._clock.now() - claim.message.waiting_since
        if claim.message.attempts > MAX_ATTEMPTS:
            return State.FAILED, f"given up: {claim.message.attempts - 1} workers have died or stalled over it"
        if age > self._stale_after:
            return State.EXPIRED, f"{age:.0f} s old, more than server.stale_after allows"
        try:
            async with self._clock.timeout(self._message_timeout):
                reply = claim.message.reply or await self._compose(claim)
                await self._deliver(claim.message, reply, must_hold)
        except TimeoutError:
            return State.FAILED, f"not done within server.message_timeout ({self._message_timeout:g} s)"
        except (TalkMeError, ConsultantError) as error:
            return State.FAILED, str(error)
        return State.SENT, None

    async def _compose(self, claim: Claim) -> Reply:
        """Know, think, and store the reply before anyone hears it, so that a crash cannot lead to a second one."""
        text = claim.message.incoming.text
        async with self._typing.shown(claim.message.incoming.token):
            findings = await self._knowledge.search(query(text, claim.history))
            self._asked.note(text, findings)
            reply = await self._consultant.compose(Inquiry(claim.session, claim.history, text, findings))
        await self._inbox.save_reply(claim, reply)
        return reply

    async def _deliver(self, message: Message, reply: Reply, must_hold: Callable[[], None]) -> None:
        token = message.incoming.token
        try:
            await self._talkme.send(token, reply.text, must_hold)
        except TalkMeError as error:
            self._delivery.failed(str(error))
            raise
        self._delivery.succeeded()
        if reply.finish:
            try:
                await self._talkme.finish(token, reply.finish)
            except TalkMeError as error:  # the caller has heard the reply: sending it again would be worse
                log.warning("message %s: the dialog was not finished: %s", message.id, error)

    async def _record(self, claim: Claim, state: State, reason: str | None) -> None:
        """Keep trying while the store is away: what was sent and not recorded would be sent again."""
        attempts = AsyncRetrying(
            sleep=self._clock.sleep, wait=wait_fixed(RECORD_PAUSE), retry=retry_if_exception(_store_is_away)
        )
        await attempts(self._inbox.finish, claim, state, reason)


def _store_is_away(error: BaseException) -> bool:
    return isinstance(error, StoreError) and not isinstance(error, LeaseLost)
