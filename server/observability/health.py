"""Whether callers are being answered, part by part. Without any personal data."""

from __future__ import annotations

from dataclasses import dataclass

from server.clock import Clock
from server.consultant.ladder import Ladder
from server.errors import StoreError
from server.knowledge.base import Knowledge
from server.observability.quiet import Silence, silence
from server.observability.track_record import TrackRecord
from server.stores.base import Store


@dataclass(frozen=True, slots=True)
class Check:
    """One part: `ok`, `degraded` (callers are answered, less well) or `unavailable` (they are not)."""

    status: str
    detail: str


class Health:
    """Looks at the parts a reply needs, as far as this process needs them.

    `ladder` knows who answers, `delivery` how TalkMe has served.
    A process that only receives (`answering` False) needs the store alone.
    """

    def __init__(
        self,
        store: Store,
        knowledge: Knowledge,
        ladder: Ladder,
        delivery: TrackRecord,
        clock: Clock,
        *,
        answering: bool = True,
    ) -> None:
        self._store, self._knowledge, self._ladder = store, knowledge, ladder
        self._delivery, self._clock, self._answering = delivery, clock, answering

    async def checks(self) -> dict[str, Check]:
        checks = {"store": await self._check_store()}
        if line := await self._check_line():
            checks["webhooks"] = line
        if self._answering:
            checks["knowledge"] = self._check_knowledge()
            checks["consultant"] = self._check_consultant()
            checks["talkme"] = self._check_talkme()
        return checks

    async def _check_line(self) -> Check | None:
        """None while the store is away: it knows when the last message came."""
        try:
            return line(silence(await self._store.received(), self._clock.now()))
        except StoreError:
            return None

    def _check_consultant(self) -> Check:
        if trouble := self._ladder.trouble:
            return Check("degraded", f"{self._ladder.name} cannot answer, another does: {trouble}")
        return Check("ok", self._ladder.name)

    def _check_talkme(self) -> Check:
        if trouble := self._delivery.trouble:
            return Check("degraded", f"the latest reply was not delivered: {trouble}")
        return Check("ok", "takes replies")

    async def _check_store(self) -> Check:
        try:
            remark = await self._store.check()
        except StoreError as error:
            return Check("unavailable", str(error))
        return Check("degraded", remark) if remark else Check("ok", "takes messages")

    def _check_knowledge(self) -> Check:
        status = self._knowledge.status()
        detail = f"{status.documents_count} documents of {status.files_count} files, embedder {status.embedder}"
        if status.problems:
            return Check("degraded", "; ".join((detail, *status.problems)))
        return Check("ok", detail)


def line(since: Silence) -> Check:
    """Whether TalkMe still calls. Silence at an hour at which many call is told: the webhook may be switched off."""
    if since.seconds is None:
        return Check("ok", "none has come yet")
    said = f"the last one came {since.seconds:.0f} s ago"
    if since.unusual:
        return Check("degraded", f"unusually quiet: {said}, and usually {since.usually:.0f} come in that time")
    return Check("ok", said)


def overall(checks: dict[str, Check]) -> str:
    """The worst of the parts."""
    found = {check.status for check in checks.values()}
    return next((status for status in ("unavailable", "degraded") if status in found), "ok")
