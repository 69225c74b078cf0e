"""Whether callers are being answered, part by part. Without any personal data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from server.clock import Clock
from server.consultant.ladder import Ladder
from server.errors import StoreError
from server.knowledge.base import Knowledge
from server.models import Worker
from server.observability import standing
from server.observability.presence import GONE_SECONDS
from server.observability.quiet import Silence, silence
from server.observability.standing import CONSULTANT, TALKME, named, told_by
from server.observability.track_record import TrackRecord
from server.stores.base import Store

FRESH_SECONDS = 0.5
"""How long a look at the store counts: all who ask within it share one."""
ANSWER_SECONDS = 1.2
"""A store that takes longer counts as away. With the above, what is told is true within two seconds."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part: `ok`, `degraded` (callers are answered, less well) or `unavailable` (they are not)."""

    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Look:
    """What the store has told. `workers`: those that report themselves."""

    checks: dict[str, Check]
    workers: Sequence[Worker] = field(default=())


class Health:
    """Looks at the parts a reply needs, as far as this process needs them.

    `ladder` knows who answers, `delivery` how TalkMe has served; of both the latest result of any worker counts.
    `accepting` tells whether this process takes messages, `alive` whether it works on them as it should.
    A process that only receives (`answering` False) needs the store and somebody else who answers.
    """

    def __init__(
        self,
        store: Store,
        knowledge: Knowledge,
        ladder: Ladder,
        delivery: TrackRecord,
        clock: Clock,
        *,
        accepting: Callable[[], bool] = lambda: True,
        alive: Callable[[], bool] = lambda: True,
        answering: bool = True,
    ) -> None:
        self._store, self._knowledge, self._ladder = store, knowledge, ladder
        self._delivery, self._clock, self._answering = delivery, clock, answering
        self._accepting, self._alive = accepting, alive
        self._look: _Look | None = None
        self._looked_at = 0.0
        self._looking = asyncio.Lock()

    async def checks(self) -> dict[str, Check]:
        """All parts."""
        look = await self._looked()
        checks = dict(look.checks)
        if self._answering:
            checks["dispatcher"] = self._check_dispatcher()
            checks["knowledge"] = self._check_knowledge()
            checks["consultant"] = self._check_consultant(look.workers)
            checks["talkme"] = self._check_talkme(look.workers)
        elif "webhooks" in checks:  # the store is there, and has told who reports himself
            checks["workers"] = _check_workers(look.workers)
        return checks

    async def ready(self) -> dict[str, Check]:
        """What decides whether this process should be given messages."""
        checks = {"store": (await self._looked()).checks["store"], **self.live()}
        if not self._accepting():
            checks["accepting"] = Check("unavailable", "this process is stopping")
        return checks

    def live(self) -> dict[str, Check]:
        """What only a new start of this process can mend."""
        return {"dispatcher": self._check_dispatcher()} if self._answering else {}

    async def _looked(self) -> _Look:
        async with self._looking:
            look = self._look
            if look is None or not 0 <= self._clock.now() - self._looked_at < FRESH_SECONDS:
                look = self._look = await self._look_at_the_store()
                # Its end: one that took long would be stale at once, and all who wait here would make one of their own.
                self._looked_at = self._clock.now()
            return look

    async def _look_at_the_store(self) -> _Look:
        now = self._clock.now()
        try:
            async with self._clock.timeout(ANSWER_SECONDS):
                remark = await self._store.check()
                store = Check("degraded", remark) if remark else Check("ok", "takes messages")
                webhooks = line(silence(await self._store.received(), now))
                workers = await self._store.workers(now - GONE_SECONDS)
        except StoreError as error:
            return _Look({"store": Check("unavailable", str(error))})
        except TimeoutError:
            return _Look({"store": Check("unavailable", f"does not answer within {ANSWER_SECONDS:g} s")})
        return _Look({"store": store, "webhooks": webhooks}, workers)

    def _check_dispatcher(self) -> Check:
        if self._alive():
            return Check("ok", "gives messages to turns")
        return Check("unavailable", "gives no more messages to turns: restart this process")

    def _check_consultant(self, workers: Sequence[Worker]) -> Check:
        if trouble := _trouble(CONSULTANT, self._ladder.record, self._ladder.trouble, workers):
            return Check("degraded", f"{self._ladder.name} cannot answer, another does: {trouble}")
        return Check("ok", self._ladder.name)

    def _check_talkme(self, workers: Sequence[Worker]) -> Check:
        if trouble := _trouble(TALKME, self._delivery, self._delivery.trouble, workers):
            return Check("degraded", f"the latest reply was not delivered: {trouble}")
        return Check("ok", "takes replies")

    def _check_knowledge(self) -> Check:
        status = self._knowledge.status()
        detail = f"{status.documents_count} documents of {status.files_count} files, embedder {status.embedder}"
        if status.problems:
            return Check("degraded", "; ".join((detail, *status.problems)))
        return Check("ok", detail)


def _trouble(part: str, own: TrackRecord, told: str | None, workers: Sequence[Worker]) -> str | None:
    """What is wrong by the latest result of any worker: ours is told by `told`, of others only when it was."""
    served = max(told_by(workers, named(standing.SERVED_AT, part)), default=0.0)
    failed = max(told_by(workers, named(standing.FAILED_AT, part)), default=0.0)
    if told is not None:
        return None if served > own.failed_at else told
    return "as another worker has found" if failed > max(served, own.served_at) else None


def _check_workers(workers: Sequence[Worker]) -> Check:
    answering = sum(standing.named(standing.ROLE, "intake") not in worker.gauges for worker in workers)
    if answering:
        return Check("ok", f"{answering} answer")
    return Check("degraded", "messages are taken, and no worker reports itself that would answer them")


def line(since: Silence) -> Check:
    """Whether TalkMe still calls. Silence at an hour at which many call is told: the webhook may be switched off."""
    if since.seconds is None:
        return Check("ok", "none has come yet")
    said = f"the last one came {since.seconds:.0f} s ago"
    if since.unusual:
        return Check("degraded", f"unusually quiet: {said}, and usually {since.usually:.0f} come in that time")
    return Check("ok", said)


def overall(checks: Mapping[str, Check]) -> str:
    """The worst of the parts."""
    found = {check.status for check in checks.values()}
    return next((status for status in ("unavailable", "degraded") if status in found), "ok")
