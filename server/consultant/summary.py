"""Long dialogs: their older part in a few sentences, written by the model while nobody waits."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from server.ending import ended
from server.errors import StoreError
from server.models import Claim, Exchange
from server.stores.base import Sessions

log = logging.getLogger(__name__)

KEPT = 3
"""Exchanges, the latest ones, that stay word for word."""
LONGEST = 1500
"""Characters of a summary; more is cut."""
AT_ONCE = 4
"""Summaries under way in one process; callers need the provider more."""


class Summariser(Protocol):
    """Writes summaries. Raises `ConsultantError`."""

    async def summary(self, before: str, exchanges: tuple[Exchange, ...]) -> str:
        """What was said: `before` is the summary of what came earlier, or empty."""


class Summaries:
    """Works beside the turns until `stop`. `after`: exchanges from which on a dialog counts as long."""

    def __init__(self, sessions: Sessions, summariser: Summariser, after: int) -> None:
        self._sessions, self._summariser, self._after = sessions, summariser, after
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def consider(self, claim: Claim) -> None:
        """After a turn: have the older part of its dialog summarised if it has become long."""
        if len(claim.history) < self._after or claim.user_id in self._under_way or len(self._under_way) >= AT_ONCE:
            return
        task = asyncio.create_task(self._summarise(claim))
        self._under_way[claim.user_id] = task
        task.add_done_callback(lambda _: self._under_way.pop(claim.user_id, None))

    async def stop(self) -> None:
        """What is not done is left out: the next turn asks for it again."""
        await ended(*self._under_way.values())

    async def _summarise(self, claim: Claim) -> None:
        old = claim.history[: -KEPT or None]
        try:
            text = await self._summariser.summary(claim.session.summary or "", old)
            if text:
                await self._sessions.save_summary(claim, text[:LONGEST], old[-1].message_id)
        except StoreError as error:
            log.warning("a summary was not kept: %s", error)
        except Exception as error:  # the dialog goes on without it; what went wrong may quote the caller
            log.warning("a dialog was not summarised: %s", type(error).__name__)
