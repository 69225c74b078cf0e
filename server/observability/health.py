"""Whether callers are being answered, part by part. Without any personal data."""

from __future__ import annotations

from dataclasses import dataclass

from server.errors import StoreError
from server.knowledge.base import Knowledge
from server.stores.base import Store


@dataclass(frozen=True, slots=True)
class Check:
    """One part: `ok`, `degraded` (callers are answered, less well) or `unavailable` (they are not)."""

    status: str
    detail: str


class Health:
    """Looks at the parts a reply needs. `consultant` is the name of the one who answers."""

    def __init__(self, store: Store, knowledge: Knowledge, consultant: str) -> None:
        self._store, self._knowledge, self._consultant = store, knowledge, consultant

    async def checks(self) -> dict[str, Check]:
        return {
            "store": await self._check_store(),
            "knowledge": self._check_knowledge(),
            "consultant": Check("ok", self._consultant),
        }

    async def _check_store(self) -> Check:
        try:
            await self._store.check()
        except StoreError as error:
            return Check("unavailable", str(error))
        return Check("ok", "takes messages")

    def _check_knowledge(self) -> Check:
        status = self._knowledge.status()
        detail = f"{status.documents_count} documents of {status.files_count} files, embedder {status.embedder}"
        if status.problems:
            return Check("degraded", "; ".join((detail, *status.problems)))
        return Check("ok", detail)


def overall(checks: dict[str, Check]) -> str:
    """The worst of the parts."""
    found = {check.status for check in checks.values()}
    return next((status for status in ("unavailable", "degraded") if status in found), "ok")
