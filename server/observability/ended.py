"""A turn that has ended, counted in one place: everything that is known of it stands in its timeline."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.errors import LeaseLost, StoreError
from server.models import Claim, Event, Message, State
from server.observability import catalogue as of
from server.observability.stages import FIXED, latest_try, seconds_by_stage, stage_of_failure
from server.observability.tally import Tally

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a message, and all that happened to it. `attempts`: workers that have begun to work on it."""

    message_id: str
    state: State
    reason: str | None
    attempts: int
    waiting_since: float
    timeline: Sequence[Event]


def ended(message: Message, state: State, reason: str | None, timeline: Sequence[Event]) -> Ended:
    """The end of a turn of `message`."""
    return Ended(message.id, state, reason, message.attempts, message.waiting_since, timeline)


class Observer(Protocol):
    """Is told of every turn when it has been recorded; must be quick and must not raise."""

    def ended(self, turn: Ended) -> None: ...


class Observers:
    """Tells each of them. What one of them gets wrong harms no turn: it has been recorded already."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def ended(self, turn: Ended) -> None:
        for observer in self._observers:
            try:
                observer.ended(turn)
            except Exception as error:
                log.error("message %s: %s: %s", turn.message_id, type(observer).__name__, type(error).__name__)


class TurnCounter:
    """Counts turns, what they took and whom they asked."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def ended(self, turn: Ended) -> None:
        tally, events = self._tally, latest_try(turn.timeline)
        tally.add(of.TURNS, turn.state.value, answered_by(turn))
        if turn.state is State.SENT:
            tally.observe(of.TURN_SECONDS, events[-1].at - turn.waiting_since)
        else:
            tally.add(of.ERRORS, stage_of_failure(turn.state, turn.reason, events))
        for stage, seconds in seconds_by_stage(events).items():
            tally.observe(of.STAGE_SECONDS, seconds, stage)
        if turn.attempts > 1:
            tally.add(of.TAKEN_OVER)
        for event in events:
            self._count(event)

    def _count(self, event: Event) -> None:
        by = event.details.get("by")
        match event.what:
            case "consultant":
                self._tally.add(of.ASKED, str(by), str(event.details.get("outcome")))
            case "guard":
                self._tally.add(of.OBJECTIONS, str(by), str(event.details.get("kind")))
            case "filler":
                self._tally.add(of.FILLERS)


def answered_by(turn: Ended) -> str:
    """Who composed the reply that was delivered: a consultant, `fixed` where none could, `nobody` where nothing was."""
    if turn.state is not State.SENT:
        return of.NOBODY
    answers = [event for event in turn.timeline if event.details.get("outcome") == "answered"]
    return str(answers[-1].details.get("by")) if answers else FIXED


def watched(
    take: Callable[[Claim, Callable[[], None]], Awaitable[None]], observer: Observer, tally: Tally
) -> Callable[[Claim, Callable[[], None]], Awaitable[None]]:
    """`take`, with the ends counted that it does not reach itself: a lost lease, and a mistake of ours."""

    async def watched_take(claim: Claim, must_hold: Callable[[], None]) -> None:
        try:
            await take(claim, must_hold)
        except LeaseLost:
            tally.add(of.LOST)
            raise
        except StoreError:  # the message stays in the inbox: its turn has not ended
            raise
        except Exception as error:
            reason = f"internal error: {type(error).__name__}"
            observer.ended(ended(claim.message, State.FAILED, reason, claim.message.timeline))
            raise

    return watched_take
