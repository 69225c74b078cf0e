"""Fillers: the few words for a caller who has to wait. They are part of no reply, and only the daemon knows which of
the texts that TalkMe got from it were one; it tells so in the timeline of the turn, whose id each TalkMe call carries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from mock_server.verdict import WORDS, Heard

TAKEN = "taken"
"""What the daemon says of a filler that TalkMe has confirmed."""


def doubtful(heard: Sequence[Heard], stray: Collection[Heard]) -> set[str]:
    """The turns to ask the daemon about: those that were heard more than once, or answered nothing that was said."""
    times = Counter(reply.turn for reply in heard)
    return {reply.turn for reply in [*stray, *(each for each in heard if times[each.turn] > 1)]} - {""}


def told(heard: Sequence[Heard], outcomes: Mapping[str, str], marks: Collection[str] = ()) -> list[Heard]:
    """Those of the replies that were fillers. `outcomes` has the turns in which the daemon says it said one.

    One filler a turn: the first text in it that has none of `marks`, and where a fault kept TalkMe's answer to it from
    the daemon, the same text again. Without marks the first text of a turn may be its reply, if TalkMe never took the
    filler: then only what was not confirmed was one.
    """
    turns: dict[str, list[Heard]] = defaultdict(list)
    for reply in heard:
        if reply.turn in outcomes and not set(WORDS.findall(reply.text)) & set(marks):
            turns[reply.turn].append(reply)
    found = []
    for turn, replies in turns.items():
        for reply in replies:
            if reply.text != replies[0].text or not (marks or outcomes[turn] == TAKEN or not reply.confirmed):
                break
            found.append(reply)
            if reply.confirmed:
                break
    return found
