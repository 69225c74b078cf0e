"""What a store promises. Every store passes the same contract suite (`tests/contract/`).

A store is shared by all worker processes (and, where the engine allows it, machines) of one installation and is the
only thing they share. Whatever a method says has happened is durable when it returns: a process that dies the
moment after has lost nothing. Every method may raise `StoreError` when the engine cannot do its work now; nothing
has changed then, and the call may be repeated.

The protocols are separate because different rooms need them: intake and the dispatcher the inbox, the administration
the dead letters, the sessions and the figures, the workers each other's presence, and the knowledge base what it was
asked. One object is all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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

CROWD = 50
"""Messages that wait from which on waiting long is overload; fewer are worked off at once when there is a worker."""
LONGEST_LEASE = 600
"""Seconds. What lasts longer was written before the clock was set back."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What a store is opened with, the same for all processes of an installation."""

    inbox: int = 10_000
    """Messages that may wait at the same time."""
    wait: float = math.inf
    """Seconds for which the oldest of them may wait for a worker, once `CROWD` wait: then there are too few workers."""
    per_session: int = 100
    """Of them, messages of one session: a caller who floods must not fill the inbox for the others."""
    session_idle: float = 1800
    """Seconds of silence after which a message begins a new conversation."""
    history: int = 10
    """Earlier exchanges that a claim carries."""
    retention: float = 30 * 86_400
    """Seconds after which finished messages are removed, and sessions that have been silent for so long."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy of a store holds."""

    path: Path
    size: int
    """Bytes."""
    version: int
    """Of the schema."""
    sessions: int
    messages: int
    waiting: int
    """Of the messages, those that were not answered yet."""


class Backups(Protocol):
    """Copies of a store that is one file, and the way back."""

    def make(self, folder: Path) -> Copy:
        """A copy in `folder`, named after this moment (UTC), of everything that was accepted before the call.

        Daemons go on meanwhile. The copy is one file, readable by its owner, and only there when it is whole.
        Raises `StoreError`.
        """

    def examine(self, copy: Path) -> Copy:
        """What a copy holds. Raises `StoreError` unless it is whole, ours, and of no newer version."""

    def restore(self, copy: Path) -> Path | None:
        """Put a copy in the store's place; what was there is kept under the name that is returned.

        Raises `StoreError` for a copy that cannot be used, while anybody has the store open, and where there is no
        room for both. The store is as it was then, or `StoreMisplaced` says where it is.
        """


class Inbox(Protocol):
    """Messages whose turn is not finished, in the order of their acceptance within each session."""

    async def accept(self, incoming: Incoming, quotas: Sequence[Quota] = ()) -> Accepted:
        """Store a message and bring its session up to date (phone, name, activity, count), in one step.

        A message with an `external_id` that the same user has sent before is not stored again: the answer names
        the first one and says `duplicate`. If the first one has `failed`, it waits to be worked on again, with its
        stored reply if it has one and the token of the new delivery. Without `external_id` nothing is a duplicate.

        A session that was ended, or silent for longer than the idle time, begins a new conversation.
        Raises `InboxFull` when as many messages wait as the store was opened for, of all or of this session, or for so
        long that nobody has begun with the oldest, and
        `TooMany` when one of the `quotas` is spent, the first of them in their order; duplicates still get through.
        What is stored counts once in each of the quotas, for all processes together; what is not counts in none.
        """

    async def claim(self, worker: str, lease: float, limit: int, wait: float = 0.0) -> Sequence[Claim]:
        """Take up to `limit` sessions that have waiting messages and no valid lease, for `lease` seconds each.

        Where there is none, wait up to `wait` seconds for one; the answer may be empty before that. A call that is
        cancelled may have taken sessions, which nobody works on until their leases end: let it return.

        Of each session it is the oldest waiting message. Sessions come in the order in which they became
        available, so none starves. A claimed message is `answering`, or stays `answered` where a reply is stored
        already, and has one more attempt. No two valid claims on a session exist at any time, on any machine:
        `expires_at` is never later than the moment from which others may claim, however late the answer comes.
        """

    def wake(self) -> None:
        """Let a claim that waits in this process return soon; it may wait to its end where the engine cannot."""

    async def renew(self, claims: Sequence[Claim], lease: float) -> Sequence[Claim]:
        """Make the leases of these claims end `lease` seconds from now; return those that are still held, renewed.

        A claim that is missing from the answer is lost: its session belongs to another worker or was cleared.
        """

    async def release(self, claims: Sequence[Claim]) -> None:
        """Give claims back unfinished, as if they had never been made; others may claim at once. Lost ones
        are ignored."""

    async def save_reply(self, claim: Claim, reply: Reply, timeline: Sequence[Event] = ()) -> None:
        """Store the reply before it is sent; the message is `answered`. Raises `LeaseLost`.

        A reply that is delivered in parts is stored again with each of them. `timeline`: what has happened until now;
        an empty one leaves what is stored.
        """

    async def finish(
        self, claim: Claim, state: State, reason: str | None = None, timeline: Sequence[Event] = ()
    ) -> None:
        """Record the outcome, free the session, and tell whoever waits in `outcome`.

        `timeline` is as in `save_reply`. What the stored reply says about the client, and the end of the
        conversation, becomes part of the session if the state is `sent`. Further messages of the session become
        available, behind the sessions that wait already.
        Raises `LeaseLost`.
        """

    async def outcome(self, message_id: str, timeout: float) -> Outcome | None:
        """Wait until a worker of any process has finished the message; None after `timeout` seconds.

        A message that was cleared away counts as `failed`.
        """

    async def message(self, message_id: str) -> Message | None:
        """One message as it stands now; None if there is none of this id."""

    async def check(self) -> str | None:
        """Raise `StoreError` if the store cannot take a message now: `InboxFull` where that is the reason.

        It may take them and still have something to tell the operator, such as that it has lost what it held.
        """


class DeadLetters(Protocol):
    """Messages that were not answered: `failed` and `expired` ones, with reason, attempts and stored reply."""

    async def dead(self, limit: int, since: float | None = None, *, oldest_first: bool = False) -> Sequence[Message]:
        """Those given up last, the latest first, or with `oldest_first` those given up first, in this order; `since`
        (Unix seconds) leaves out those given up before."""

    async def retry(self, message_id: str) -> bool:
        """Let a dead message wait again as if it were new, with its stored reply if it has one; False if there is no
        dead message of this id."""

    async def drop(self, message_id: str) -> bool:
        """Remove a dead message for good; False if there is none of this id."""


class Sessions(Protocol):
    """The conversations, for those who look at them."""

    async def session(self, user_id: str) -> Session | None: ...

    async def sessions(self, limit: int, active_since: float | None = None, offset: int = 0) -> Sequence[Session]:
        """Latest activity first; `active_since` (Unix seconds) leaves out ended ones and those silent since before,
        `offset` so many of the first. One that becomes active between two calls may be in both answers."""

    async def transcript(self, user_id: str) -> Sequence[TranscriptLine]:
        """All that was said in a session, in order: the caller's words, and the replies stored for them."""

    async def known_by_phone(self, phone: str, user_id: str) -> Session | None:
        """The latest session of another user that has a name, and whose messages came from this number; None if there
        is none. A number that a caller only dictates counts for nothing here: it may be anybody's."""

    async def save_summary(self, claim: Claim, summary: str, until: str) -> None:
        """Keep `summary` with the claim's session, in place of its exchanges up to the message of id `until`.

        Needs no valid lease, since it changes no message; nothing happens if a new conversation has begun or the
        session is gone.
        """

    async def clear_session(self, user_id: str) -> bool:
        """Remove a session with all its messages, waiting ones too, and what its caller alone has asked; False if
        there is none.

        A turn under way finds its lease lost, and says nothing more. Nothing of the caller is left in what the engine
        has written, as far as the engine can see to it.
        """

    async def clear_sessions(self) -> int:
        """Remove all sessions likewise; how many there were."""

    async def sweep(self) -> Swept:
        """Close sessions that have been silent for longer than the idle time; remove what is older than the retention.

        A bounded amount of work; what is left over is for the next call. Waiting messages are never touched.
        """

    async def totals(self, active_since: float) -> Totals:
        """Figures over all workers; sessions count as active as in `sessions`."""


RECENT_REPLIES = 300
"""Latest replies whose timelines can be asked for."""
HOURS_KEPT = 5 * 168
"""Hours for which it is known how many messages came: five weeks."""


class Figures(Protocol):
    """What a screen needs that shows how callers are served at this moment. Clearing sessions takes their part away,
    but for `received`, which knows no caller."""

    async def waiting(self, limit: int) -> Sequence[Waiting]:
        """Messages whose turn is not finished, the longest waiting first."""

    async def recent_timelines(self, limit: int) -> Sequence[Sequence[Event]]:
        """What happened in the turns of the latest replies that were delivered, the latest first; at most
        `RECENT_REPLIES`. Those without a timeline are left out."""

    async def received(self) -> Received:
        """When messages were accepted, for the latest `HOURS_KEPT` hours that `sweep` has left. Deliveries of a known
        message do not count."""


class Presence(Protocol):
    """Which workers there are, and what all that there ever were have counted."""

    async def report(self, worker: Worker) -> None:
        """Say that this worker is alive and what it does. `seen_at` is when it said so.

        By what its `counts` have grown since its report before, what all workers have counted grows too: telling the
        same again changes nothing, and what a worker has told stays when it is gone.
        """

    async def leave(self, worker_id: str) -> None:
        """The worker has stopped in good order."""

    async def workers(self, seen_since: float) -> Sequence[Worker]:
        """Workers that reported since then (Unix seconds), longest running first; without their `counts`."""

    async def counted(self) -> Mapping[str, float]:
        """What all workers have counted since the store was made, by name."""


QUESTIONS_KEPT = 2000
"""Questions that are remembered; beyond them those leave that have not been asked for the longest time."""


class Gaps(Protocol):
    """What callers asked, and whether the knowledge base had an answer, for the staff who fill it.

    A question is its text: whoever notes one has taken names and numbers out of it. Who has asked it is known as long
    as his session is there: clearing that takes his part away, and leaves what others have asked too.
    `QUESTIONS_KEPT` bounds them, give or take what several processes note at the same moment.
    """

    async def note_questions(self, asked: Sequence[Question]) -> None:
        """Count each of them once more, in one step. Whether it was answered, and how surely, is as it was the last
        time.

        One of a user who has no session is left out: it has been cleared meanwhile.
        """

    async def questions(self, limit: int, answered: bool | None = None) -> Sequence[Asked]:
        """The most asked first, of equals the latest first; `answered` leaves the others out."""

    async def forget_questions(self, texts: Sequence[str] | None = None) -> int:
        """Remove these questions, or all of them; how many there were."""


class Store(Inbox, DeadLetters, Sessions, Figures, Presence, Gaps, Protocol):
    """All of it, and its life. Used by one event loop between `open` and `close`."""

    async def open(self) -> None:
        """Make or migrate what is needed. Raises `StoreError` with what to do if that is not possible."""

    async def examine(self) -> None:
        """Read all that is stored. Raises `StoreError` with what to do if it is damaged; nothing is changed then."""

    async def close(self) -> None:
        """Finish what was asked for and give everything back."""
