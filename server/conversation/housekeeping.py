"""Housekeeping: silent sessions are closed and old ones removed while callers are served."""

from __future__ import annotations

import asyncio
import logging

from server.clock import Clock
from server.ending import ended
from server.errors import StoreError
from server.models import Swept
from server.stores.base import Sessions

log = logging.getLogger(__name__)

ROUND_SECONDS = 30.0


class Housekeeper:
    """Sweeps the store round by round. Every worker may: what one has done is not there for the next."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        await ended(self._task)

    async def _keep_house(self) -> None:
        while True:
            await self._clock.sleep(ROUND_SECONDS)
            try:
                _tell(await self._sessions.sweep())
            except StoreError as error:
                log.warning("no housekeeping this time: %s", error)
            except Exception:  # else what should be removed would stay for as long as this process lives
                log.exception("housekeeping: our own error")


def _tell(swept: Swept) -> None:
    if swept.closed_sessions or swept.removed_messages or swept.removed_sessions:
        log.info(
            "housekeeping: %d sessions closed, %d messages and %d sessions removed",
            swept.closed_sessions,
            swept.removed_messages,
            swept.removed_sessions,
        )
