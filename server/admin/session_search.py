"""Finding sessions by what an operator knows of a caller."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from server.models import Session
from server.stores.base import Store

LOOKED_AT = 5000
"""Sessions of the latest activity that a search looks at."""
AT_ONCE = 200
"""Sessions read in one piece: callers are answered in between."""
WAITING_AT_MOST = 10_000


class Sort(StrEnum):
    """What stands first: the latest activity, the latest caller, who said most, names by the alphabet."""

    ACTIVITY = "activity"
    CREATED = "created"
    MESSAGES = "messages"
    NAME = "name"


KEYS: dict[Sort, Callable[[Session], Any]] = {
    Sort.ACTIVITY: lambda session: -session.last_activity,
    Sort.CREATED: lambda session: -session.created_at,
    Sort.MESSAGES: lambda session: -session.messages_count,
    Sort.NAME: lambda session: (session.client_name is None, plain(session.client_name or "")),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What sessions must be like; what is left out is not asked for. Times are Unix seconds."""

    active_since: float | None = None
    """As in `Sessions.sessions`."""
    since: float | None = None
    """Active or not, something was said since then."""
    waiting: bool = False
    """A message of it waits for its answer."""
    phone: str | None = None
    """Part of the number, however it is written."""
    name: str | None = None
    """Part of the name, in any case."""
    sort: Sort = Sort.ACTIVITY

    @property
    def as_listed(self) -> bool:
        """The store has them in this order with nothing else between them: a page needs none of those before it."""
        return self.sort is Sort.ACTIVITY and not self.waiting and self.phone is None and self.name is None


async def search(store: Store, wanted: Wanted, limit: int, page: int) -> tuple[Sequence[Session], bool]:
    """Sessions of this page (from 1), and whether more follow. What is not `as_listed` is looked for in the latest
    `LOOKED_AT`."""
    first = (page - 1) * limit
    passed_over = first if wanted.as_listed else 0
    first -= passed_over
    enough = first + limit + 1 if wanted.sort is Sort.ACTIVITY else LOOKED_AT
    waiting = {one.user_id for one in await store.waiting(WAITING_AT_MOST)} if wanted.waiting else None
    found: dict[str, Session] = {}
    for offset in range(passed_over, passed_over + LOOKED_AT, AT_ONCE):
        read = await store.sessions(AT_ONCE, wanted.active_since, offset)
        found |= {session.user_id: session for session in read if _fits(session, wanted, waiting)}
        old = bool(read) and wanted.since is not None and read[-1].last_activity < wanted.since
        if len(read) < AT_ONCE or old or len(found) >= enough:
            break
    ordered = sorted(found.values(), key=KEYS[wanted.sort])
    return ordered[first : first + limit], len(ordered) > first + limit


def plain(text: str) -> str:
    """As it is compared: ё is е, case does not matter."""
    return text.casefold().replace("ё", "е")


def _fits(session: Session, wanted: Wanted, waiting: set[str] | None) -> bool:
    return (
        (waiting is None or session.user_id in waiting)
        and (wanted.since is None or session.last_activity >= wanted.since)
        and (wanted.name is None or plain(wanted.name) in plain(session.client_name or ""))
        and (wanted.phone is None or _digits(wanted.phone) in _digits(session.phone_number or ""))
    )


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
