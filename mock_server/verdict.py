"""The verdict over a load: what became of every message, judged from what was sent and what was heard.

A reply is known by a mark: a word that only one message of its caller holds, and that its reply repeats; or by its
turn (`mock_server/turns.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

IN_FLIGHT = 1.0
"""Seconds that a send may need to be heard: a sender that was killed so long before may still be its cause."""
WORDS = re.compile(r"\w+")
ENDED = frozenset({"failed", "expired"})
"""What the daemon says of a message to which no reply will come any more."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a caller. Times are Unix seconds."""

    id: int
    caller: str
    mark: str
    """Empty where replies are known by their turn."""
    intended_at: float
    """When the caller wanted to say it."""
    sent_at: float
    """When the delivery began that was accepted, or else the first one."""
    accepted: bool
    """The webhook answered 2xx; otherwise it was given up after all attempts."""
    text: str = ""
    """What he said, where that is known."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One reply that a caller heard, at Unix seconds."""

    caller: str
    text: str
    at: float
    confirmed: bool = True
    """False where a fault kept TalkMe's answer from the sender, who has to send it again."""
    turn: str = ""
    """The turn that it belongs to, as the sender names it; empty where it does not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the messages. `lost`, `doubled`, `disordered` and `stray` are violations."""

    accepted: int
    answered: int
    """Accepted and replied to."""
    failed: int
    """Accepted and not replied to, which the daemon says itself; so with `expired`."""
    expired: int
    given_up: int
    """Never accepted, though tried to the end."""
    lost: tuple[Sent, ...]
    """Accepted, and neither replied to nor failed nor expired."""
    doubled: tuple[Sent, ...]
    """Replied to with different texts, or with one text more often than kills and lost answers can explain."""
    repeated: int
    """Further replies with the same text after one whose sender cannot know that it arrived: he was killed after the
    reply had left and before that was recorded, or TalkMe's answer was lost."""
    disordered: tuple[Sent, ...]
    """Replied to before a message of the same caller that was accepted earlier."""
    stray: tuple[Heard, ...]
    """Replies that answer nothing that their caller said."""
    longest_gap: float | None
    """Seconds from the delivery that was accepted to the reply, at most; None without replies."""
    longest_wait: float | None
    """Seconds from when the caller wanted to speak to the reply, at most: refused deliveries count here."""

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.disordered or self.stray)


RepliesById = Mapping[int, Sequence[tuple[int, Heard]]]
"""The replies to each message that has any, in the order of hearing, each with its place in that order."""
Match = Callable[[Sequence[Sent], Sequence[Heard], Mapping[int, str]], tuple[RepliesById, tuple[Heard, ...]]]
"""Finds the replies to the messages sent, and those to none; is told also what the daemon says has ended."""


def by_mark(
    sent: Sequence[Sent], heard: Sequence[Heard], ended: Mapping[int, str]
) -> tuple[RepliesById, tuple[Heard, ...]]:
    """Replies that repeat the mark of what their caller said."""
    marks = {(message.caller, message.mark): message.id for message in sent}
    replies: dict[int, list[tuple[int, Heard]]] = defaultdict(list)
    stray = []
    for place, reply in enumerate(heard):
        known = {marks[reply.caller, word] for word in WORDS.findall(reply.text) if (reply.caller, word) in marks}
        if len(known) == 1:
            replies[known.pop()].append((place, reply))
        else:
            stray.append(reply)
    return dict(replies), tuple(stray)


def judge(
    sent: Sequence[Sent],
    heard: Sequence[Heard],
    ended: Mapping[int, str] | None = None,
    kills: Sequence[float] = (),
    match: Match = by_mark,
) -> Verdict:
    """The verdict. `sent` is in the order of acceptance within each caller, `heard` in the order of hearing.

    `ended` tells, by message id, that the daemon says `failed` or `expired`; other words mean nothing here. `kills`
    are the Unix seconds at which a process that sends replies was killed. `match` finds the replies to a message.
    """
    ended = ended or {}
    replies, stray = match(sent, heard, ended)
    accepted = [message for message in sent if message.accepted]
    silent = [message for message in accepted if message.id not in replies]
    answered = [message for message in accepted if message.id in replies]
    first = {message.id: replies[message.id][0][1].at for message in answered}
    doubled, repeated = _again(sent, replies, kills)
    return Verdict(
        accepted=len(accepted),
        answered=len(answered),
        failed=sum(ended.get(message.id) == "failed" for message in silent),
        expired=sum(ended.get(message.id) == "expired" for message in silent),
        given_up=len(sent) - len(accepted),
        lost=tuple(message for message in silent if ended.get(message.id) not in ENDED),
        doubled=doubled,
        repeated=repeated,
        disordered=tuple(_disordered(answered, replies)),
        stray=stray,
        longest_gap=_longest(first[message.id] - message.sent_at for message in answered),
        longest_wait=_longest(first[message.id] - message.intended_at for message in answered),
    )


def _again(sent: Sequence[Sent], replies: RepliesById, kills: Sequence[float]) -> tuple[tuple[Sent, ...], int]:
    """The messages that were replied to more often than may be, and how many repetitions are explained."""
    doubled, repeated = [], 0
    for message in sent:
        heard = [reply for _, reply in replies.get(message.id, ())]
        explained = [
            earlier.text == later.text
            and (not earlier.confirmed or any(earlier.at - IN_FLIGHT <= kill <= later.at for kill in kills))
            for earlier, later in pairwise(heard)
        ]
        repeated += sum(explained)
        if not all(explained):
            doubled.append(message)
    return tuple(doubled), repeated


def _disordered(answered: Iterable[Sent], replies: RepliesById) -> Iterable[Sent]:
    latest: dict[str, int] = {}
    for message in answered:
        place = replies[message.id][0][0]
        if place < latest.get(message.caller, -1):
            yield message
        else:
            latest[message.caller] = place


def _longest(seconds: Iterable[float]) -> float | None:
    longest = max(seconds, default=None)
    # A delivery that broke off may have been answered before the next attempt of it began.
    return None if longest is None else max(longest, 0.0)
