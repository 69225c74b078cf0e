"""What became of every message of a load: what was sent and what was heard, and what the daemon says of the rest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from iteira_cli.errors import CliError, NotFound
from iteira_cli.nodes import poll

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient
    from iteira_cli.documents import TranscriptLine
    from mock_server.traffic import Traffic
    from mock_server.verdict import Heard, Sent, Verdict

SETTLE = 125.0
"""Seconds after the last call in which what still waits is answered, or expires (`server.stale_after` is 120 s)."""
UNFINISHED = frozenset({"accepted", "answering", "answered"})
"""States of a message that the daemon still has to do with."""


class Reconciliation:
    """Brings together what `traffic` has sent, what was `heard` at the mock, and what the daemon says.

    `shared_tokens`: callers share the tokens by which TalkMe knows a dialog. After `verdict`, `fillers` says how often
    a caller was asked for patience, and `daemon_asked` whether the daemon has told what became of the messages without
    a reply.
    """

    def __init__(self, admin: AdminClient, traffic: Traffic, heard: Sequence[Heard], *, shared_tokens: bool) -> None:
        from mock_server.turns import by_turn
        from mock_server.verdict import by_mark

        self._admin, self._traffic, self._shared_tokens = admin, traffic, shared_tokens
        self._match = by_turn if traffic.plan.scripts else by_mark
        owned = [replace(reply, caller=self._owner(reply)) for reply in heard]
        self._heard = [reply for reply in owned if reply.caller.startswith(f"{traffic.name}-")]
        self.fillers = 0
        self.daemon_asked = True

    async def verdict(self) -> Verdict:
        """Once the daemon has done with all messages, or `SETTLE` seconds have passed."""
        from mock_server.verdict import judge

        fillers = await asyncio.to_thread(self._fillers)
        self.fillers = len(fillers)
        self._heard = [reply for reply in self._heard if reply not in fillers]
        states = await self._final()
        sent = [_taken(sent, states) for sent in self._traffic.sent]
        return judge(sent, self._heard, states, match=self._match)

    def _owner(self, reply: Heard) -> str:
        """The caller who heard a reply. TalkMe knows a dialog by its token; where callers share one, by the mark."""
        if not self._shared_tokens:
            return reply.caller.removeprefix("token-of-")
        marks = {sent.mark: sent.caller for sent in self._traffic.sent}
        return next((marks[word] for word in re.findall(r"\w+", reply.text) if word in marks), "")

    def _fillers(self) -> list[Heard]:
        """What of it the daemon said only to ask for patience."""
        from mock_server import fillers

        outcomes = {}
        for turn in fillers.doubtful(self._heard, self._match(self._traffic.sent, self._heard, {})[1]):
            with suppress(CliError):  # unknown to the daemon, or it does not tell us: then it counts as a reply
                for happened in self._admin.message(turn)["timeline"]:
                    if happened["event"] == "filler":
                        outcomes[turn] = str(happened["details"].get("outcome"))
        return fillers.told(self._heard, outcomes, {sent.mark for sent in self._traffic.sent} - {""})

    async def _final(self) -> dict[int, str]:
        """What became of the messages without a reply, once the daemon has done with them all."""
        states: dict[int, str] = {}

        async def done() -> bool:
            states.update(await asyncio.to_thread(self._ended))
            return UNFINISHED.isdisjoint(states.values())

        await poll(done, SETTLE)
        return states

    def _ended(self) -> dict[int, str]:
        """What the daemon says, by message id."""
        states = {}
        asked = self._asked()
        for caller in {sent.caller for sent in asked}:
            try:
                lines = self._admin.session(caller)["transcript"]
            except NotFound:  # nothing of this caller was accepted
                continue
            except CliError:
                self.daemon_asked = False
                continue
            states.update(_states(lines, [sent for sent in asked if sent.caller == caller]))
        return states

    def _asked(self) -> list[Sent]:
        """The messages without a reply; where replies are known by their turn, all that their callers said, since one
        that is missing makes others of the next ones."""
        sent = self._traffic.sent
        replies, stray = self._match(sent, self._heard, {})
        silent = [each for each in sent if each.id not in replies]
        callers = {each.caller for each in silent} | {reply.caller for reply in stray}
        return [each for each in sent if each.caller in callers] if self._traffic.plan.scripts else silent


def _states(lines: Sequence[TranscriptLine], sent: Sequence[Sent]) -> dict[int, str]:
    """The states of one caller's messages, which the daemon knows by what was said."""
    waiting: dict[str, list[int]] = {}
    for each in sent:
        waiting.setdefault(" ".join(each.text.split()), []).append(each.id)
    said = [(" ".join(line["text"].split()), line["state"]) for line in lines if line["role"] == "caller"]
    return {waiting[text].pop(0): state for text, state in said if waiting.get(text)}


def _taken(sent: Sent, ended: Mapping[int, str]) -> Sent:
    """A webhook answered 502 was refused to the caller, but its message is the daemon's, which says that it failed; so
    is one whose reply has no mark to be known by."""
    known = ended.get(sent.id)
    return replace(sent, accepted=sent.accepted or known in {"failed", "expired"} or bool(known and not sent.mark))
