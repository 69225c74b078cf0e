"""`Store` on a SQLite file: which piece of SQL runs where.

Writes go through one connection a process with group commit and `synchronous=FULL`: what is returned is on the disk.
Reads have a connection and a thread of their own, so that they neither wait for writes nor hold them up.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from server.clock import Clock
from server.ending import ended
from server.errors import StoreError
from server.models import (
    Accepted,
    Asked,
    Claim,
    Event,
    Incoming,
    Message,
    Outcome,
    Question,
    Quota,
    Received,
    Reply,
    Session,
    State,
    Swept,
    Totals,
    TranscriptLine,
    Waiting,
    Worker,
)
from server.stores.base import StoreLimits
from server.stores.sqlite import dead_letters, figures, inbox, questions, sessions
from server.stores.sqlite.file import StoreFile
from server.stores.sqlite.writer import GroupWriter, Work
from server.stores.waiting import Outcomes

T = TypeVar("T")
log = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
"""How often a process looks for outcomes that another one has written."""
ALONE_SECONDS = 1.0
"""How often it does where it seems to be alone, and how often it looks whether it is."""
OTHERS_SECONDS = 20.0
"""Another one that has not reported itself for so long is none any more, or has no outcome to write."""


class SQLiteStore:
    """See `server.stores.base` for what the methods promise."""

    def __init__(self, path: Path, limits: StoreLimits, clock: Clock) -> None:
        self._file, self._limits, self._clock = StoreFile(path), limits, clock
        self._writer = GroupWriter(lambda: self._file.connect(busy=0.0))
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="sqlite-reader")
        self._outcomes = Outcomes(clock)
        self._more_to_claim = False
        self._traces_left = False

    # Its life

    async def open(self) -> None:
        await asyncio.to_thread(self._file.prepare)
        self._reading = await asyncio.get_running_loop().run_in_executor(self._reader, self._file.connect)
        await self._writer.start()
        self._watching = asyncio.create_task(self._watch_other_processes())

    async def examine(self) -> None:
        found = await self._read(lambda db: str(db.execute("PRAGMA quick_check(1)").fetchone()[0]))
        if found != "ok":
            raise self._file.damaged(found)

    async def close(self) -> None:
        await ended(self._watching)
        await self._writer.stop()
        await self._read(lambda db: db.close())
        self._reader.shutdown()

    async def check(self) -> None:
        self._file.must_be_there()
        await self._writer.run(lambda db: inbox.check(db, self._limits, self._clock.now()))

    # Inbox

    async def accept(self, incoming: Incoming, quotas: Sequence[Quota] = ()) -> Accepted:
        self._file.must_be_there()
        now = self._clock.now()
        accepted = await self._writer.run(lambda db: inbox.accept(db, incoming, quotas, self._limits, now), brief=True)
        if not accepted.duplicate:
            self._outcomes.began(accepted.message_id)
        return accepted

    async def claim(self, worker: str, lease: float, limit: int, wait: float = 0.0) -> Sequence[Claim]:
        def work(db: sqlite3.Connection) -> list[Claim]:
            return inbox.claim(db, worker, lease, limit, self._limits.history, self._clock.now())

        claims: Sequence[Claim] | None = None
        if wait > 0:  # what this process accepts is claimed with it; what another one does is its own to claim
            in_time = partial(self._clock.later, wait)
            claims = await self._writer.run_behind(work, in_time, at_once=self._more_to_claim)
        if claims is None:  # leases may have ended meanwhile
            claims = await self._writer.run(work, brief=True)
        self._more_to_claim = len(claims) == limit
        return claims

    def wake(self) -> None:
        self._writer.withdraw()

    async def renew(self, claims: Sequence[Claim], lease: float) -> Sequence[Claim]:
        now = self._clock.now()
        return await self._writer.run(lambda db: inbox.renew(db, claims, lease, now), brief=True)

    async def release(self, claims: Sequence[Claim]) -> None:
        now = self._clock.now()
        await self._writer.run(lambda db: inbox.release(db, claims, now))

    async def save_reply(self, claim: Claim, reply: Reply, timeline: Sequence[Event] = ()) -> None:
        now = self._clock.now()
        await self._writer.run(lambda db: inbox.save_reply(db, claim, reply, timeline, now), brief=True)

    async def finish(
        self, claim: Claim, state: State, reason: str | None = None, timeline: Sequence[Event] = ()
    ) -> None:
        now = self._clock.now()

        def work(db: sqlite3.Connection) -> Outcome:
            return inbox.finish(db, claim, state, reason, timeline, now)

        # The caller has heard the reply: nobody waits for these milliseconds.
        self._outcomes.tell(await self._writer.run(work, brief=True, patient=True))

    async def outcome(self, message_id: str, timeout: float) -> Outcome | None:
        async def look() -> Outcome | None:
            return next(iter(await self._read(lambda db: inbox.outcomes(db, [message_id]))), None)

        return await self._outcomes.wait(message_id, timeout, look)

    async def message(self, message_id: str) -> Message | None:
        return await self._read(lambda db: inbox.message(db, message_id))

    # Dead letters

    async def dead(self, limit: int, since: float | None = None, *, oldest_first: bool = False) -> Sequence[Message]:
        return await self._read(lambda db: dead_letters.dead(db, limit, since, oldest_first=oldest_first))

    async def retry(self, message_id: str) -> bool:
        now = self._clock.now()
        return await self._writer.run(lambda db: dead_letters.retry(db, message_id, now))

    async def drop(self, message_id: str) -> bool:
        dropped = await self._writer.run(lambda db: dead_letters.drop(db, message_id))
        await self._empty_wal()
        return dropped

    # Sessions

    async def session(self, user_id: str) -> Session | None:
        return await self._read(lambda db: sessions.session(db, user_id))

    async def sessions(self, limit: int, active_since: float | None = None, offset: int = 0) -> Sequence[Session]:
        return await self._read(lambda db: sessions.sessions(db, limit, active_since, offset))

    async def transcript(self, user_id: str) -> Sequence[TranscriptLine]:
        return await self._read(lambda db: sessions.transcript(db, user_id))

    async def known_by_phone(self, phone: str, user_id: str) -> Session | None:
        return await self._read(lambda db: sessions.known_by_phone(db, phone, user_id))

    async def save_summary(self, claim: Claim, summary: str, until: str) -> None:
        await self._writer.run(lambda db: sessions.save_summary(db, claim.session, summary, until))

    async def clear_session(self, user_id: str) -> bool:
        existed = await self._writer.run(lambda db: sessions.clear_session(db, user_id))
        await self._look_for_outcomes()
        await self._empty_wal()
        return existed

    async def clear_sessions(self) -> int:
        cleared = await self._writer.run(sessions.clear_sessions)
        await self._look_for_outcomes()
        await self._empty_wal()
        return cleared

    async def sweep(self) -> Swept:
        now = self._clock.now()
        swept = await self._writer.run(lambda db: sessions.sweep(db, self._limits, now))
        if swept.removed_messages or swept.removed_sessions or self._traces_left:
            await self._empty_wal()
        return swept

    async def totals(self, active_since: float) -> Totals:
        return await self._read(lambda db: sessions.totals(db, active_since))

    # Figures

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        return await self._read(lambda db: figures.waiting(db, limit))

    async def recent_timelines(self, limit: int) -> Sequence[Sequence[Event]]:
        return await self._read(lambda db: figures.recent_timelines(db, limit))

    async def received(self) -> Received:
        return await self._read(figures.received)

    # Presence

    async def report(self, worker: Worker) -> None:
        await self._writer.run(lambda db: sessions.report(db, worker), brief=True)

    async def leave(self, worker_id: str) -> None:
        await self._writer.run(lambda db: sessions.leave(db, worker_id))

    async def workers(self, seen_since: float) -> Sequence[Worker]:
        return await self._read(lambda db: sessions.workers(db, seen_since))

    async def counted(self) -> Mapping[str, float]:
        return await self._read(sessions.counted)

    # Gaps

    async def note_questions(self, asked: Sequence[Question]) -> None:
        now = self._clock.now()

        def work(db: sqlite3.Connection) -> None:
            for question in asked:
                questions.note(db, question, now)

        await self._writer.run(work, brief=True, patient=True)

    async def questions(self, limit: int, answered: bool | None = None) -> Sequence[Asked]:
        return await self._read(lambda db: questions.questions(db, limit, answered))

    async def forget_questions(self, texts: Sequence[str] | None = None) -> int:
        forgotten = await self._writer.run(lambda db: questions.forget(db, texts))
        await self._empty_wal()
        return forgotten

    # Reading, and looking for what others have written

    async def _empty_wal(self) -> None:
        """Where that cannot be done at this moment, the next sweep tries again."""
        self._traces_left = not await asyncio.to_thread(self._file.empty_wal)

    async def _read(self, work: Work[T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, lambda: work(self._reading))
        except sqlite3.Error as error:
            raise StoreError(f"SQLite: {error}") from error

    async def _watch_other_processes(self) -> None:
        """Tell outcomes that another process has written to those who wait for them here."""
        others, looked = True, 0.0
        while True:
            await self._clock.sleep(LOOK_SECONDS if others else ALONE_SECONDS)
            try:
                if abs((now := self._clock.now()) - looked) >= ALONE_SECONDS:  # the clock may be put back
                    looked = now
                    others = await self._has_company(now)
                await self._look_for_outcomes()  # where there is nobody, too: somebody may have been and left
            except Exception:  # else nobody would be told anything for as long as this process lives
                log.exception("outcomes: our own error")
                await self._clock.sleep(ALONE_SECONDS)

    async def _has_company(self, now: float) -> bool:
        with suppress(StoreError):
            # One is this process itself; where none has reported itself, there may be any number.
            return len(await self.workers(now - OTHERS_SECONDS)) != 1
        return True

    async def _look_for_outcomes(self) -> None:
        if expected := self._outcomes.expected:
            with suppress(StoreError):  # whoever waits has a time limit of his own
                for outcome in await self._read(partial(inbox.outcomes, message_ids=expected)):
                    self._outcomes.tell(outcome)
