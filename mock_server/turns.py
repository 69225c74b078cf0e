"""Replies that are known by their turn: a caller hears one for each thing he says, in the order in which he said it.

That is how replies are told apart where callers say what is written for them, which no reply need repeat. It takes a
daemon that answers in one piece, and callers who share no token.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from mock_server.load import Caller, Saying
from mock_server.traffic import Replies
from mock_server.verdict import ENDED, Heard, RepliesById, Sent


def repeats(earlier: Heard, later: Heard) -> bool:
    """Whether the later reply of a caller is the earlier one, sent again since TalkMe's answer to it was lost."""
    return not earlier.confirmed and earlier.text == later.text


class RepliesInTurn(Replies):
    """Whoever waits longest hears first. Callers are known by their tokens."""

    def __init__(self) -> None:
        super().__init__()
        self._queues: dict[str, deque[asyncio.Future[float]]] = defaultdict(deque)
        self._latest: dict[str, Heard] = {}
        self._begun: set[str] = set()
        """The turns of which something was heard."""

    def expect(self, caller: Caller, saying: Saying) -> asyncio.Future[float]:
        heard: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._queues[caller.token].append(heard)
        return heard

    def give_up(self, caller: Caller, heard: asyncio.Future[float]) -> None:
        if heard in self._queues[caller.token]:
            self._queues[caller.token].remove(heard)

    def take(self, reply: Heard) -> None:
        self.heard.append(reply)
        earlier, self._latest[reply.caller] = self._latest.get(reply.caller), reply
        if (earlier and repeats(earlier, reply)) or reply.turn in self._begun:
            return  # sent again, or what follows a filler: nobody else waits for it
        if reply.turn:
            self._begun.add(reply.turn)
        if queue := self._queues[reply.caller]:
            queue.popleft().set_result(reply.at)


def by_turn(
    sent: Sequence[Sent], heard: Sequence[Heard], ended: Mapping[int, str]
) -> tuple[RepliesById, tuple[Heard, ...]]:
    """The replies to each accepted message, and those to none.

    A message that the daemon says has failed is passed over, unless TalkMe's answer to all that was heard of its reply
    was lost. What else is one reply too few or too many is lost, doubled (the same text) or stray.
    """
    messages: dict[str, deque[Sent]] = defaultdict(deque)
    for each in sent:
        if each.accepted:
            messages[each.caller].append(each)
    found: dict[int, list[tuple[int, Heard]]] = {}
    latest: dict[str, int] = {}
    stray = []
    for caller, replies in _once(heard):
        text, waiting = replies[0][1].text, messages[caller]
        while waiting and replies[-1][1].confirmed and ended.get(waiting[0].id) in ENDED:
            waiting.popleft()
        if waiting:
            latest[caller] = waiting.popleft().id
            found[latest[caller]] = list(replies)
        elif caller in latest and found[latest[caller]][-1][1].text == text:
            found[latest[caller]] += replies
        else:
            stray += [reply for _, reply in replies]
    return found, tuple(stray)


def _once(heard: Iterable[Heard]) -> Iterable[tuple[str, Sequence[tuple[int, Heard]]]]:
    """Each reply with its repetitions, and their places in the order of hearing, in the order of the first ones."""
    replies: list[tuple[str, list[tuple[int, Heard]]]] = []
    open_ones: dict[str, list[tuple[int, Heard]]] = {}
    for place, reply in enumerate(heard):
        latest = open_ones.get(reply.caller)
        if latest and repeats(latest[-1][1], reply):
            latest.append((place, reply))
        else:
            open_ones[reply.caller] = [(place, reply)]
            replies.append((reply.caller, open_ones[reply.caller]))
    return replies
