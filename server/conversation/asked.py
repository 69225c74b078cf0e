"""Remembering what callers asked, for the staff who fill the knowledge base: off the callers' time, and nameless."""

from __future__ import annotations

import asyncio
import logging

from server.consultant.intents import Intent, intent
from server.consultant.names import without_introduction
from server.errors import StoreError
from server.knowledge.base import Findings
from server.knowledge.gaps import nameless
from server.stores.base import Gaps

log = logging.getLogger(__name__)

MOST_AT_ONCE = 100
"""Notes under way; one more is dropped: a store that is away must not fill the memory."""


class AskedQuestions:
    """Notes what was asked and whether the search knew an answer."""

    def __init__(self, gaps: Gaps, min_confidence: float) -> None:
        """From `min_confidence` (0 to 1) on a question counts as answered."""
        self._gaps, self._min_confidence = gaps, min_confidence
        self._under_way: set[asyncio.Task[None]] = set()

    def note(self, text: str, findings: Findings, *, helped: bool) -> None:
        """Returns at once. What is no question, or has no words beside names and numbers, is not noted.

        `helped`: whether the caller got an answer, however sure the search was.
        """
        if len(self._under_way) < MOST_AT_ONCE:
            task = asyncio.create_task(self._note(text, findings.confidence, helped))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Finish what is under way."""
        await asyncio.gather(*self._under_way)

    async def _note(self, text: str, confidence: float, helped: bool) -> None:
        question = nameless(without_introduction(text)) if intent(text) is Intent.QUESTION else None
        if question is None:
            return
        try:
            answered = helped and confidence >= self._min_confidence
            await self._gaps.note_question(question, answered, round(confidence, 3))
        except StoreError as error:
            log.warning("a question was not remembered: %s", error)
