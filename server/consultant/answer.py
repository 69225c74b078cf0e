"""From a consultant's stream to sentences that may be spoken: cut, guarded, shaped for speech."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from server.clock import Clock
from server.consultant.base import (
    Correction,
    Decision,
    EndConversation,
    Inquiry,
    Irrelevant,
    ModelCall,
    RememberClient,
    TransferToOperator,
)
from server.consultant.calendar import Calendar
from server.consultant.guard import Checked, Guard, Objection
from server.consultant.phrases import Phrases
from server.consultant.sentences import Sentences
from server.consultant.speech import spoken
from server.errors import ConsultantError
from server.models import FinishCode
from server.observability.timeline import Timeline

if TYPE_CHECKING:
    from server.consultant.ladder import Step

log = logging.getLogger(__name__)

LONGEST = 4000
"""Characters of an answer, about four minutes of speech: a model that goes on for longer has lost its way."""
RENEWED = 0.1
"""Seconds within which a stream's pieces count as one moment: a stall may be noticed by so much too early."""
NEARLY = 0.01
"""Seconds by which a time limit may be noticed too early."""
MOST_SENTENCES = 5
"""Of an answer that are spoken; nobody remembers more of them on the phone."""
COMPLAINTS = {
    "price": "названо «{}»: такой цены или скидки нет в сведениях",
    "number": "названо число «{}», которого нет ни в сведениях, ни в разговоре",
    "phone": "назван номер телефона, которого нет в сведениях",
    "link": "названа ссылка «{}», которой нет в сведениях",
    "address": "назван адрес «{}», которого нет в сведениях",
    "free": "сказано «{}», но в сведениях этого нет",
    "rules": "пересказаны внутренние правила",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many seconds a consultant may keep us waiting."""

    first_token: float
    """From the question to the first piece of the answer."""
    stalled: float
    """Between two pieces."""
    total: float
    """In all, for both attempts if there are two."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence as it is spoken, and as the consultant wrote it."""

    text: str
    original: str = ""
    by: str = ""
    """Who said it."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The end of an answer: who gave it, and what was decided."""

    by: str
    finish: FinishCode | None = None
    client: RememberClient = field(default_factory=RememberClient)


class Answer:
    """Turns what one consultant says into what a caller may hear.

    With `whole`, nothing is given away before all of it has passed the guard; else each sentence as soon as it has.
    A sentence that does not pass leads to one more attempt with the complaint, then to the safe sentence.
    """

    def __init__(self, guard: Guard, phrases: Phrases, calendar: Calendar, clock: Clock, *, whole: bool) -> None:
        self._guard, self._phrases, self._calendar = guard, phrases, calendar
        self._clock, self._whole = clock, whole

    async def of(self, step: Step, inquiry: Inquiry, timeline: Timeline) -> AsyncGenerator[Sentence | Conclusion, None]:
        """The sentences, then the conclusion. Raises `ConsultantError` and whatever else the consultant raises."""
        by, checked = step.consultant.name, self._guard.over(inquiry, self._calendar.now())
        patience = _Patience(self._clock, step.waiting)
        passed: list[Sentence] = []
        given = 0
        for last in (False, True) if step.corrects else (True,):
            draft = _Draft()
            try:
                async with aclosing(self._sentences(step, inquiry, draft, patience, timeline)) as sentences:
                    async for sentence in sentences:
                        if len(passed) == MOST_SENTENCES or sentence in passed:
                            continue  # decisions stand behind the words: the stream is read to its end
                        _must_pass(sentence, checked)
                        passed.append(sentence)
                        if not self._whole:
                            yield sentence
                            given += 1
                break
            except _Objected as objected:
                _note(objected.objection, by, timeline, last)
                del passed[given:]
                inquiry = replace(inquiry, correction=_correction(objected.objection, passed))
                if last:
                    draft = _Draft(client=draft.client)
                    passed.append(Sentence(self._phrases.safe, by=by))
        if not passed:
            passed.append(Sentence(self._words_for(draft), by=by))
        for sentence in passed[given:]:
            yield sentence
        yield Conclusion(by, draft.finish, draft.client)

    async def _sentences(
        self, step: Step, inquiry: Inquiry, draft: _Draft, patience: _Patience, timeline: Timeline
    ) -> AsyncGenerator[Sentence, None]:
        reading = _Reading(step.consultant.name, draft, timeline, self._clock)
        async with aclosing(step.consultant.reply(inquiry)) as stream:
            while (sentences := await patience.until(stream, reading)) is not None:
                for sentence in sentences:
                    yield sentence
        for sentence in reading.rest():
            yield sentence

    def _words_for(self, draft: _Draft) -> str:
        """A model may decide without a word; the caller must still hear something."""
        match draft.finish:
            case FinishCode.SUCCESS:
                return self._phrases.farewell
            case FinishCode.OPERATOR_REQUEST:
                return self._phrases.transfer
            case FinishCode.IRRELEVANT_MESSAGE:
                return self._phrases.irrelevant
        if draft.client.name:
            return self._phrases.pleased(draft.client.name)
        raise ConsultantError("the answer was empty")


def _spoken(originals: list[str], by: str) -> list[Sentence]:
    return [Sentence(text, original, by) for original in originals if (text := spoken(original))]


def _must_pass(sentence: Sentence, checked: Checked) -> None:
    for words in dict.fromkeys((sentence.original, sentence.text)):
        if objection := checked.objection(words):
            raise _Objected(objection)


def _note(objection: Objection, by: str, timeline: Timeline, last: bool) -> None:
    action = "safe sentence" if last else "asked again"
    timeline.add("guard", by=by, kind=objection.kind, action=action)
    log.warning("%s: an answer was not fit to be spoken (%s): %s", by, objection.kind, action)


class _Objected(Exception):
    def __init__(self, objection: Objection) -> None:
        self.objection = objection


def _correction(objection: Objection, passed: list[Sentence]) -> Correction:
    about = COMPLAINTS[objection.kind].format(objection.about)
    return Correction(about, " ".join(sentence.text for sentence in passed))


@dataclass(slots=True)
class _Draft:
    """What has been decided so far."""

    finish: FinishCode | None = None
    client: RememberClient = field(default_factory=RememberClient)

    def add(self, decision: Decision) -> None:
        match decision:
            case RememberClient():
                self.client = RememberClient(decision.name or self.client.name, decision.gender or self.client.gender)
            case EndConversation():
                self.finish = FinishCode.SUCCESS
            case TransferToOperator():
                self.finish = FinishCode.OPERATOR_REQUEST
            case Irrelevant():
                self.finish = FinishCode.IRRELEVANT_MESSAGE


class _Reading:
    """Takes the parts of one stream, gives back the sentences that have become complete, and keeps the decisions."""

    def __init__(self, by: str, draft: _Draft, timeline: Timeline, clock: Clock) -> None:
        self._by, self._draft, self._timeline, self._clock = by, draft, timeline, clock
        self._sentences, self._length, self._began = Sentences(), 0, clock.now()
        self.has_begun = False

    def add(self, part: str | Decision | ModelCall) -> list[Sentence]:
        """Raises `ConsultantError` when it becomes too long."""
        if isinstance(part, ModelCall):
            tokens = {"prompt_tokens": part.prompt_tokens, "completion_tokens": part.completion_tokens}
            self._timeline.add("model call", by=self._by, attempts=part.attempts, **tokens)
            return []
        self.has_begun = True
        if not isinstance(part, str):
            self._draft.add(part)
            return []
        if not self._length:
            self._timeline.add("first token", by=self._by, seconds=self._clock.now() - self._began)
        self._length += len(part)
        if self._length > LONGEST:
            raise ConsultantError(f"the answer did not end within {LONGEST} characters")
        return _spoken(self._sentences.add(part), self._by)

    def rest(self) -> list[Sentence]:
        """What is left at the end of the stream."""
        return _spoken(self._sentences.rest(), self._by)


class _Patience:
    """Limits the seconds that are spent waiting for a consultant; what the reader does in between is his own."""

    def __init__(self, clock: Clock, waiting: Waiting) -> None:
        self._clock, self._waiting, self._left = clock, waiting, waiting.total

    async def until(
        self, stream: AsyncGenerator[str | Decision | ModelCall, None], reading: _Reading
    ) -> list[Sentence] | None:
        """Read on to the next complete sentences; None at the end. Raises `ConsultantError` when a limit is reached."""
        until, renewed = self._clock.now() + self._left, 0.0
        try:
            async with self._clock.limit(self._seconds(reading, until)) as limit:
                async for part in stream:
                    if found := reading.add(part):
                        return found
                    if (now := self._clock.now()) - renewed > RENEWED:
                        limit.renew(self._seconds(reading, until))
                        renewed = now
        except TimeoutError:
            raise ConsultantError(self._complaint(reading, until)) from None
        finally:
            self._left = until - self._clock.now()
        return None

    def _seconds(self, reading: _Reading, until: float) -> float:
        """How long the next part is waited for."""
        return max(0.0, min(self._of_its_own(reading), until - self._clock.now()))

    def _of_its_own(self, reading: _Reading) -> float:
        return self._waiting.stalled if reading.has_begun else self._waiting.first_token

    def _complaint(self, reading: _Reading, until: float) -> str:
        if until - self._clock.now() < NEARLY:
            return f"no whole answer within {self._waiting.total:g} s"
        seconds = self._of_its_own(reading)
        return f"the stream stalled for {seconds:g} s" if reading.has_begun else f"no first token within {seconds:g} s"
