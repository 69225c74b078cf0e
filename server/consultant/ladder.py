"""Who answers when one cannot: consultants in order of preference, and words that never fail at the end."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from server.clock import Clock
from server.consultant.answer import Answer, Conclusion, Sentence, Waiting
from server.consultant.base import Consultant, Inquiry
from server.consultant.circuit import Admission, Circuit
from server.consultant.phrases import Phrases
from server.errors import ConsultantError
from server.models import FinishCode
from server.observability.stages import FIXED
from server.observability.timeline import Timeline
from server.observability.track_record import TrackRecord

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Step:
    """One consultant, how long it is waited for, and how it has served."""

    consultant: Consultant
    waiting: Waiting
    circuit: Circuit
    record: TrackRecord
    corrects: bool = True
    """Whether asking it again with a complaint can lead to another answer."""


class Ladder:
    """Asks the first consultant, and the next one when it fails: degraded, never silent.

    Once a sentence has been given away nobody else begins anew: the reply ends with an apology instead.
    """

    def __init__(self, steps: Sequence[Step], answer: Answer, phrases: Phrases, clock: Clock) -> None:
        self._steps, self._answer, self._phrases, self._clock = steps, answer, phrases, clock

    @property
    def name(self) -> str:
        """Who answers while nothing fails."""
        return self._steps[0].consultant.name

    @property
    def record(self) -> TrackRecord:
        """How the first has served."""
        return self._steps[0].record

    @property
    def circuits(self) -> dict[str, bool]:
        """Whether the circuit of each consultant is open, by its name, but for the last: his never opens."""
        return {step.consultant.name: step.circuit.is_open for step in self._steps[:-1]}

    @property
    def trouble(self) -> str | None:
        """Why the first does not answer at present; None while it does."""
        first = self._steps[0]
        if not first.record.trouble:
            return None
        pause = f"; not asked for another {first.circuit.opens_in:.0f} s" if first.circuit.is_open else ""
        return f"{first.record.trouble}{pause}"

    async def reply(self, inquiry: Inquiry, timeline: Timeline) -> AsyncGenerator[Sentence | Conclusion, None]:
        """Sentences that may be spoken, then one conclusion. Never raises what a consultant raises."""
        for step in self._steps:
            admission = step.circuit.admitted()
            if admission is None:
                timeline.add("consultant", by=step.consultant.name, outcome="not asked", reason="circuit open")
                continue
            given = False
            try:
                async with aclosing(self._ask(step, admission, inquiry, timeline)) as parts:
                    async for part in parts:
                        given = True
                        yield part
                return
            except ConsultantError:
                if given:
                    yield Sentence(self._phrases.broken_off, by=step.consultant.name)
                    yield Conclusion(step.consultant.name)
                    return
        yield Sentence(self._phrases.nobody)
        yield Conclusion(FIXED, FinishCode.OPERATOR_REQUEST)

    async def close(self) -> None:
        for step in self._steps:
            await step.consultant.close()

    async def _ask(
        self, step: Step, admission: Admission, inquiry: Inquiry, timeline: Timeline
    ) -> AsyncGenerator[Sentence | Conclusion, None]:
        """One step, with its circuit, record and timeline kept. Raises `ConsultantError` whatever went wrong."""
        name, began = step.consultant.name, self._clock.now()
        try:
            async with aclosing(self._answer.of(step, inquiry, timeline)) as parts:
                async for part in parts:
                    if isinstance(part, Conclusion):  # before it is given: the reader may stop there
                        step.circuit.succeeded(admission)
                        step.record.succeeded()
                        timeline.add("consultant", by=name, outcome="answered", seconds=self._clock.now() - began)
                    yield part
        except Exception as error:  # whatever a provider sends must not leave the caller without an answer
            reason = _reason(error)
            step.circuit.failed(admission)
            step.record.failed(reason)
            timeline.add("consultant", by=name, outcome="failed", reason=reason, seconds=self._clock.now() - began)
            log.warning("%s cannot answer (%s); the next is asked", name, reason)
            raise ConsultantError(reason) from error
        finally:
            step.circuit.released(admission)


def _reason(error: Exception) -> str:
    """What to say of an error. One that is not ours may quote the key or the caller: only its kind is told."""
    return str(error) if isinstance(error, ConsultantError) else type(error).__name__
