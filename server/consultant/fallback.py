"""Who answers when one cannot: consultants in order of preference, the last of which never fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from server.clock import Clock
from server.consultant.base import (
    Consultant,
    Decision,
    EndConversation,
    Inquiry,
    Irrelevant,
    RememberClient,
    TransferToOperator,
)
from server.consultant.phrases import Phrases
from server.consultant.speech import spoken
from server.errors import ConsultantError
from server.models import FinishCode, Reply
from server.observability.track_record import TrackRecord

log = logging.getLogger(__name__)

LONGEST = 4000
"""Characters of an answer, about four minutes of speech: a model that goes on for longer has lost its way."""


class Fallback:
    """Asks the first consultant, and the next one when it fails: degraded, never silent."""

    def __init__(
        self, consultants: Sequence[Consultant], phrases: Phrases, record: TrackRecord, clock: Clock, timeout: float
    ) -> None:
        """`timeout`: seconds that each consultant but the last may take. `record`: how the first one has served."""
        self._consultants, self._phrases, self._record = consultants, phrases, record
        self._clock, self._timeout = clock, timeout

    @property
    def name(self) -> str:
        """Who answers while nothing fails."""
        return self._consultants[0].name

    async def compose(self, inquiry: Inquiry) -> Reply:
        """The reply of the first consultant that can answer. Raises `ConsultantError` of the last one."""
        for consultant in self._consultants[:-1]:
            try:
                async with self._clock.timeout(self._timeout):
                    reply = await self._ask(consultant, inquiry)
            except Exception as error:  # whatever a provider sends must not leave the caller without an answer
                reason = self._reason(error)
                self._record.failed(reason)
                log.warning("%s cannot answer (%s); the next is asked", consultant.name, reason)
            else:
                self._record.succeeded()
                return reply
        return await self._ask(self._consultants[-1], inquiry)

    async def close(self) -> None:
        for consultant in self._consultants:
            await consultant.close()

    def _reason(self, error: Exception) -> str:
        """What to say of an error. One that is not ours may quote the key or the caller: only its kind is told."""
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} s"
        return str(error) if isinstance(error, ConsultantError) else type(error).__name__

    async def _ask(self, consultant: Consultant, inquiry: Inquiry) -> Reply:
        draft = _Draft()
        async with aclosing(consultant.reply(inquiry)) as stream:
            async for part in stream:
                draft.add(part)
                if len(draft.text) > LONGEST:
                    raise ConsultantError(f"the answer did not end within {LONGEST} characters")
        reply = draft.reply(consultant.name, self._phrases)
        if not reply.text:
            raise ConsultantError("the answer was empty")
        return reply


@dataclass(slots=True)
class _Draft:
    """A reply that is being written."""

    text: str = ""
    finish: FinishCode | None = None
    client: RememberClient = field(default_factory=RememberClient)

    def add(self, part: str | Decision) -> None:
        match part:
            case str():
                self.text += part
            case RememberClient():
                self.client = part
            case EndConversation():
                self.finish = FinishCode.SUCCESS
            case TransferToOperator():
                self.finish = FinishCode.OPERATOR_REQUEST
            case Irrelevant():
                self.finish = FinishCode.IRRELEVANT_MESSAGE

    def reply(self, by: str, phrases: Phrases) -> Reply:
        text = spoken(self.text) or self._words_for_decision(phrases)
        return Reply(text, by, self.finish, self.client.name, self.client.gender)

    def _words_for_decision(self, phrases: Phrases) -> str:
        """A model may decide without a word; the caller must still hear something."""
        match self.finish:
            case FinishCode.SUCCESS:
                return phrases.farewell
            case FinishCode.OPERATOR_REQUEST:
                return phrases.transfer
            case FinishCode.IRRELEVANT_MESSAGE:
                return phrases.irrelevant
        return phrases.pleased(self.client.name) if self.client.name else ""
