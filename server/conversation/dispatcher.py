"""The dispatcher: which session this worker works on, how many at a time, and for how long it may."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from server.clock import Clock
from server.ending import ended
from server.errors import InboxFull, LeaseLost, StoreError
from server.models import Claim, State
from server.observability.about import about
from server.stores.base import Inbox

log = logging.getLogger(__name__)

HELD = 0.9
"""Part of the promised lease that a claim is made for; the rest is for others to notice that it has ended."""
RENEWED = 0.25
"""Part of the lease after which it is renewed: three renewals may fail before it ends."""
RECOVERY_SECONDS = 2.0
"""How long nothing is claimed when the store is back: living workers have leases to renew that ended meanwhile, and
outcomes to record, and try to at least every half second."""
LOOK_SECONDS = 0.5
"""How often a worker looks for sessions that nobody told it about: those of dead workers, and of busy ones."""


@dataclass(slots=True)
class _UnderWay:
    claim: Claim
    task: asyncio.Task[None]


class Dispatcher:
    """Gives claimed messages to `turn`, at most `concurrent_turns` at a time, and keeps their leases.

    `turn` gets a claim, and a function that raises `LeaseLost` once the claim has ended. `lease` is in seconds, as
    `store.lease`.
    """

    def __init__(
        self,
        inbox: Inbox,
        turn: Callable[[Claim, Callable[[], None]], Awaitable[None]],
        worker_id: str,
        clock: Clock,
        *,
        concurrent_turns: int,
        lease: float,
    ) -> None:
        self._inbox, self._turn, self._worker_id, self._clock = inbox, turn, worker_id, clock
        self._concurrent_turns, self._lease = concurrent_turns, lease
        self._look_after = min(LOOK_SECONDS, lease * (1 - HELD) / 2)
        self._under_way: dict[int, _UnderWay] = {}
        self._free = asyncio.Event()
        self._store_was_away = False
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []

    @property
    def turns(self) -> int:
        """Turns under way."""
        return len(self._under_way)

    @property
    def alive(self) -> bool:
        """Whether it claims and renews as it should."""
        return bool(self._loops) and not any(loop.done() for loop in self._loops)

    def start(self) -> None:
        self._loops = [asyncio.create_task(self._dispatch()), asyncio.create_task(self._keep_leases())]

    async def drain(self, grace: float) -> None:
        """Claim nothing more, let turns under way end within `grace` seconds, give the rest back to the inbox."""
        dispatching, leasing = self._loops
        self._stopping = True
        self._free.set()
        self._inbox.wake()
        await dispatching
        with suppress(TimeoutError):
            async with self._clock.timeout(grace):
                while self._under_way:
                    await asyncio.wait([each.task for each in self._under_way.values()])
        await ended(leasing)
        await self._give_back(list(self._under_way.values()))

    async def _dispatch(self) -> None:
        while not self._stopping:
            self._free.clear()
            free = self._concurrent_turns - self.turns
            if not free:
                await self._free.wait()
                continue
            try:
                await self._recover()
                await self._renew_overdue()
                # Never cancelled: what it may have claimed would belong to nobody until the leases end.
                claims = await self._inbox.claim(self._worker_id, self._lease * HELD, free, wait=self._look_after)
            except Exception as error:  # callers wait: whatever it is, the next attempt may go well
                self._store_was_away = True
                _log_trouble("nothing can be claimed", error)
                await self._clock.sleep(self._look_after)
            else:
                for claim in claims:
                    self._start(claim)

    async def _recover(self) -> None:
        """When the store was away for longer than a lease, everybody's have ended, though nobody has died."""
        if self._store_was_away:
            with suppress(InboxFull):  # it is there, and full
                await self._inbox.check()
            await self._renew()
            await self._clock.sleep(RECOVERY_SECONDS)
            self._store_was_away = False

    async def _renew_overdue(self) -> None:
        """After a stall, what is under way here must not be claimed as if its worker had died. What was claimed first
        ends first, or as good as: all are renewed together."""
        first = next(iter(self._under_way.values()), None)
        if first and first.claim.expires_at <= self._clock.now():
            await self._renew()

    def _start(self, claim: Claim) -> None:
        if claim.message.attempts > 1:
            log.warning("message %s taken over, attempt %d", claim.message.id, claim.message.attempts)
        self._under_way[claim.fence] = _UnderWay(claim, asyncio.create_task(self._work(claim)))

    async def _work(self, claim: Claim) -> None:
        try:
            with about(session=claim.user_id, turn=claim.message.id):
                await self._turn(claim, partial(self._must_hold, claim))
        except LeaseLost as error:
            log.warning("%s", error)
        except StoreError as error:
            log.error("message %s stays in the inbox: %s", claim.message.id, error)
            with suppress(StoreError):
                await self._inbox.release([claim])
        except Exception as error:
            log.exception("message %s: our own error", claim.message.id)
            with suppress(StoreError):
                await self._inbox.finish(claim, State.FAILED, f"internal error: {type(error).__name__}")
        finally:
            self._under_way.pop(claim.fence, None)
            self._free.set()

    def _must_hold(self, claim: Claim) -> None:
        under_way = self._under_way.get(claim.fence)
        if under_way is None or under_way.claim.expires_at <= self._clock.now():
            raise LeaseLost(f"message {claim.message.id}: the lease has ended, nothing is said")

    async def _keep_leases(self) -> None:
        while True:
            await self._clock.sleep(self._lease * RENEWED)
            try:
                await self._renew()
            except Exception as error:  # three more attempts fit into the lease
                _log_trouble("leases could not be renewed", error)

    async def _renew(self) -> None:
        """Renew what is under way. What is not renewed has just been finished, or belongs to somebody else now: its
        turn says nothing more, and learns it at the latest when it records."""
        held = list(self._under_way.values())
        if not held:
            return
        renewed = await self._inbox.renew([each.claim for each in held], self._lease * HELD)
        kept = {claim.fence: claim for claim in renewed}
        for each in held:
            each.claim = kept.get(each.claim.fence, replace(each.claim, expires_at=0.0))

    async def _give_back(self, rest: list[_UnderWay]) -> None:
        await ended(*(each.task for each in rest))
        if rest:
            log.warning("%d turns were not done in time; their messages stay in the inbox", len(rest))
            with suppress(StoreError):
                await self._inbox.release([each.claim for each in rest])


def _log_trouble(what: str, error: Exception) -> None:
    """The store's own errors say what is wrong; any other is a mistake of ours, and its place matters."""
    log.error("%s: %s", what, error or type(error).__name__, exc_info=not isinstance(error, StoreError))
