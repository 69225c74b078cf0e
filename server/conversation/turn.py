"""A turn: the whole story of one reply, from a claimed message to its recorded outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from tenacity import AsyncRetrying, retry_if_exception, wait_fixed

from server.clock import Clock
from server.consultant.answer import Conclusion, Sentence
from server.consultant.base import Inquiry
from server.consultant.callers import said_of_himself
from server.consultant.ladder import Ladder
from server.consultant.phrases import Phrases
from server.consultant.summary import Summaries
from server.conversation.asked import AskedQuestions
from server.conversation.delivery import Delivery, Filler, Pause
from server.conversation.query import look_up
from server.conversation.typing import Typing
from server.errors import ConsultantError, LeaseLost, StoreError, TalkMeError, unquoted
from server.knowledge.base import Knowledge
from server.models import Claim, Exchange, FinishCode, Message, Reply, Session, State
from server.observability.ended import Observer, ended
from server.observability.stages import FIXED
from server.observability.timeline import Timeline
from server.observability.track_record import TrackRecord
from server.retrying import tried
from server.stores.base import Store
from server.talkme.client import TalkMe

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
"""A message that takes worker after worker down with it must not take all of them."""
RECORD_PAUSE = 0.5
"""Seconds between attempts to record an outcome while the store is away."""

LEVELS = {State.SENT: logging.INFO, State.EXPIRED: logging.WARNING, State.FAILED: logging.ERROR}


class Turn:
    """Knows, thinks, speaks and records, in this order. One object serves all turns of a process.

    `record` learns how TalkMe serves, `observer` of every turn that has ended, `begun` of every message for which all
    is there that answering it takes. `message_timeout` and `stale_after` are in seconds, as the settings of these
    names. With `whole` a reply is delivered when it is complete, else sentence by sentence while it is written.
    """

    def __init__(
        self,
        store: Store,
        knowledge: Knowledge,
        asked: AskedQuestions,
        ladder: Ladder,
        talkme: TalkMe,
        typing: Typing,
        filler: Filler,
        summaries: Summaries | None,
        phrases: Phrases,
        clock: Clock,
        record: TrackRecord,
        observer: Observer,
        begun: Callable[[Message], None],
        *,
        worker: str,
        region: str,
        whole: bool,
        message_timeout: float,
        stale_after: float,
    ) -> None:
        self._store, self._knowledge, self._asked, self._ladder = store, knowledge, asked, ladder
        self._talkme, self._typing, self._filler, self._summaries = talkme, typing, filler, summaries
        self._phrases, self._clock, self._record_of_talkme = phrases, clock, record
        self._observer, self._begun = observer, begun
        self._worker, self._region, self._whole = worker, region, whole
        self._message_timeout, self._stale_after = message_timeout, stale_after

    async def take(self, claim: Claim, must_hold: Callable[[], None]) -> None:
        """Bring the claimed message to its end. Raises `LeaseLost` when it is not ours any more.

        `must_hold` raises it too: it is asked before anything is said, so that a worker which has slept through its
        lease says nothing.
        """
        timeline = Timeline(self._clock, claim.message.timeline)
        if not claim.message.timeline:
            timeline.add("accepted", claim.message.accepted_at)
        if before := _waited_for(claim):
            behind = before.ended_at - claim.message.waiting_since
            timeline.add("waited", before.ended_at, behind=before.message_id, seconds=behind)
        timeline.add("claimed", by=self._worker, attempt=claim.message.attempts)
        delivery = Delivery(self._talkme, claim, must_hold, self._record_of_talkme, timeline, self._clock)
        state, reason = await self._answer(claim, must_hold, delivery)
        timeline.add(state.value)
        log.log(LEVELS[state], "message %s %s%s", claim.message.id, state, f": {unquoted(reason)}" if reason else "")
        await self._record(claim, state, reason, timeline)
        self._observer.ended(ended(claim.message, state, reason, timeline.events))
        if state is State.SENT and self._summaries:
            self._summaries.consider(claim)

    async def _answer(
        self, claim: Claim, must_hold: Callable[[], None], delivery: Delivery
    ) -> tuple[State, str | None]:
        age = self._clock.now() - claim.message.waiting_since
        if claim.message.attempts > MAX_ATTEMPTS:
            return State.FAILED, f"given up: {claim.message.attempts - 1} workers have died or stalled over it"
        if age > self._stale_after:
            return State.EXPIRED, f"{age:.0f} s old, more than server.stale_after allows"
        until = self._clock.now() + self._message_timeout
        try:
            async with self._clock.timeout(self._message_timeout):
                reply = await self._reply(claim, must_hold, delivery)
        except TimeoutError:
            return State.FAILED, f"not done within server.message_timeout ({self._message_timeout:g} s)"
        except (TalkMeError, ConsultantError) as error:
            return State.FAILED, str(error)
        if reply.finish:
            await delivery.finish(reply.finish, until)
        return State.SENT, None

    async def _reply(self, claim: Claim, must_hold: Callable[[], None], delivery: Delivery) -> Reply:
        """The delivered reply: the stored one if there is one, else a new one."""
        reply = claim.message.reply
        if reply is None:
            incoming, timeline = claim.message.incoming, delivery.timeline
            with self._typing.shown(incoming.token, timeline):
                async with self._filler.ready(claim, must_hold, timeline) as quiet:
                    reply = await self._composed(claim, delivery, quiet)
        elif not reply.complete:  # what would have followed died with the worker that knew it
            reply = replace(_with(reply, Sentence(self._phrases.broken_off), alone=True), complete=True)
            await self._store.save_reply(claim, reply, delivery.timeline.events)
        for part in reply.parts[reply.sent :] if reply.parts else [reply.text]:
            await delivery.send(part)
        return reply

    async def _composed(self, claim: Claim, delivery: Delivery, quiet: Pause) -> Reply:
        """Know and think. A reply that is delivered in parts has been, when this returns; a whole one only stored.

        Everything is stored before anyone hears it, so that a crash can repeat a part and never leads to another text.
        """
        inquiry, reply = await self._inquiry(claim, delivery.timeline)
        self._begun(claim.message)
        async with aclosing(self._ladder.reply(inquiry, delivery.timeline)) as answer:
            async for part in answer:
                if isinstance(part, Conclusion):
                    reply = _concluded(reply, part)
                    break
                reply = _with(reply, part, alone=not self._whole)
                if not self._whole:
                    reply = await self._spoken(claim, reply, delivery, quiet)
        self._asked.note(claim.user_id, inquiry.text, inquiry.findings, helped=self._has_helped(reply))
        await self._store.save_reply(claim, reply, delivery.timeline.events)
        await quiet()
        return reply

    def _has_helped(self, reply: Reply) -> bool:
        """Whether a question was answered, as far as a reply tells: neither given up nor handed to a human."""
        given_up = reply.by == FIXED or self._phrases.has_given_no_answer(reply.text)
        return not given_up and reply.finish is not FinishCode.OPERATOR_REQUEST

    async def _spoken(self, claim: Claim, reply: Reply, delivery: Delivery, quiet: Pause) -> Reply:
        """The reply when its latest part has been spoken. That is stored before and after: a crash in between repeats
        the part, and nothing else."""
        await self._store.save_reply(claim, reply, delivery.timeline.events)
        await quiet()
        await delivery.send(reply.parts[-1])
        reply = replace(reply, sent=len(reply.parts))
        await self._store.save_reply(claim, reply, delivery.timeline.events)
        return reply

    async def _inquiry(self, claim: Claim, timeline: Timeline) -> tuple[Inquiry, Reply]:
        """What the consultant is asked, and a reply without words that holds what the caller has said of himself."""
        incoming, session = claim.message.incoming, await self._acquainted(claim)
        himself = said_of_himself(incoming.text, self._region)
        learned = None if session is claim.session else session
        draft = Reply(
            "",
            by="",
            client_name=himself.name or (learned.client_name if learned else None),
            gender=himself.gender or (learned.gender if learned else None),
            phone_number=None if incoming.phone else himself.phone,
            complete=False,
        )
        session = replace(
            session,
            client_name=himself.name or session.client_name,
            gender=himself.gender or session.gender,
            phone_number=draft.phone_number or session.phone_number,
        )
        began = self._clock.now()
        findings = await look_up(self._knowledge, incoming.text, claim.history)
        timeline.add(
            "knowledge",
            rows=len(findings.results),
            confidence=findings.confidence,
            seconds=self._clock.now() - began,
        )
        return Inquiry(session, claim.history, incoming.text, findings, session.summary or ""), draft

    async def _acquainted(self, claim: Claim) -> Session:
        """The session, with the name under which the caller's number is known from elsewhere."""
        session, phone = claim.session, claim.message.incoming.phone
        if phone is None or session.client_name or claim.history:
            return session
        known = await self._store.known_by_phone(phone, session.user_id)
        return replace(session, client_name=known.client_name, gender=known.gender) if known else session

    async def _record(self, claim: Claim, state: State, reason: str | None, timeline: Timeline) -> None:
        """Keep trying while the store is away: what was sent and not recorded would be sent again."""

        async def attempt() -> None:
            await self._store.finish(claim, state, reason, timeline.events)

        await tried(attempt, self._retrying)

    def _retrying(self) -> AsyncRetrying:
        pause, away = wait_fixed(RECORD_PAUSE), retry_if_exception(_store_is_away)
        return AsyncRetrying(sleep=self._clock.sleep, wait=pause, retry=away)


def _waited_for(claim: Claim) -> Exchange | None:
    """The message of its session whose turn had to end first, if it was still going on when this one came."""
    before = claim.history[-1] if claim.history and claim.message.attempts == 1 else None
    return before if before and before.ended_at > claim.message.waiting_since else None


def _with(reply: Reply, sentence: Sentence, *, alone: bool) -> Reply:
    """The reply with one more sentence, which is delivered `alone` or with the rest."""
    text = f"{reply.text} {sentence.text}".strip()
    original = f"{reply.original or ''} {sentence.original or sentence.text}".strip()
    by = sentence.by or reply.by
    parts = (*reply.parts, sentence.text) if alone else ()
    return replace(reply, text=text, original=original, by=by, parts=parts)


def _concluded(reply: Reply, conclusion: Conclusion) -> Reply:
    client = conclusion.client
    return replace(
        reply,
        by=conclusion.by,
        finish=conclusion.finish,
        client_name=client.name or reply.client_name,
        gender=client.gender or reply.gender,
        original=None if reply.original == reply.text else reply.original,
        complete=True,
    )


def _store_is_away(error: BaseException) -> bool:
    return isinstance(error, StoreError) and not isinstance(error, LeaseLost)
