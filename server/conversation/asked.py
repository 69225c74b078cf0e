"""Remembering what callers asked, for the staff who fill the knowledge base: off the callers' time, and nameless."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from server.clock import Alarm, Clock
from server.consultant.intents import Intent, intent
from server.consultant.names import without_introduction
from server.errors import StoreError
from server.knowledge.base import Findings
from server.knowledge.gaps import nameless
from server.models import Question
from server.stores.base import Gaps

log = logging.getLogger(__name__)

MOST = 1000
"""Questions that wait to be noted; more are dropped: a store that is away must not fill the memory."""
TOGETHER = 0.5
"""Seconds for which questions are gathered, so that they share a step of the store."""
AT_ONCE = 50
"""Questions in one step: it must not hold up callers."""


@dataclass(frozen=True, slots=True)
class _Asked:
    user_id: str
    text: str
    confidence: float
    helped: bool


class AskedQuestions:
    """Notes what was asked and whether the search knew an answer."""

    def __init__(self, gaps: Gaps, min_confidence: float, clock: Clock) -> None:
        """From `min_confidence` (0 to 1) on a question counts as answered."""
        self._gaps, self._min_confidence, self._clock = gaps, min_confidence, clock
        self._asked: list[_Asked] = []
        self._alarm: Alarm | None = None
        self._noting: asyncio.Task[None] | None = None

    def note(self, user_id: str, text: str, findings: Findings, *, helped: bool) -> None:
        """Returns at once. What is no question, or has no words beside names and numbers, is not noted.

        `helped`: whether the caller got an answer, however sure the search was.
        """
        if len(self._asked) == MOST or intent(text) is not Intent.QUESTION:
            return
        self._asked.append(_Asked(user_id, text, findings.confidence, helped))
        if self._alarm is None:
            self._alarm = self._clock.later(TOGETHER, self._begin)

    async def close(self) -> None:
        """Note all that waits, after what is being noted."""
        if self._alarm:
            self._alarm.cancel()
        if self._noting:
            await asyncio.wait([self._noting])
        await self._note_all()

    def _begin(self) -> None:
        """One step at a time: where the one before is still under way, what is there waits for the next."""
        self._alarm = None
        if self._noting and not self._noting.done():
            self._alarm = self._clock.later(TOGETHER, self._begin)
        else:
            self._noting = asyncio.create_task(self._note_all())

    async def _note_all(self) -> None:
        """All that are there now: what comes meanwhile is gathered first."""
        for _ in range(0, len(self._asked), AT_ONCE):
            asked, self._asked = self._asked[:AT_ONCE], self._asked[AT_ONCE:]
            if questions := [question for each in asked if (question := self._question(each))]:
                await self._note(questions)

    async def _note(self, questions: Sequence[Question]) -> None:
        try:
            await self._gaps.note_questions(questions)
        except StoreError as error:
            log.warning("%d questions were not remembered: %s", len(questions), error)

    def _question(self, asked: _Asked) -> Question | None:
        words = nameless(without_introduction(asked.text))
        if words is None:
            return None
        answered = asked.helped and asked.confidence >= self._min_confidence
        return Question(asked.user_id, words, answered, round(asked.confidence, 3))
