"""The calls that the mock TalkMe knows, and what was received for each. Bounded: the oldest goes first."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import string
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

SERVICE = "mock_talkme"
"""How `/health` names this server."""
MIN_TOKEN = 10
"""Characters of a token."""
MAX_CALLS = 1_000
MAX_EVENTS = 500
"""Events kept of one call."""

MONTHS = (
    *("январе", "феврале", "марте", "апреле", "мае", "июне"),
    *("июле", "августе", "сентябре", "октябре", "ноябре", "декабре"),
)
"""As in «посетитель в сентябре»: TalkMe names a visitor by the month of the first visit."""


class Refused(Exception):
    """TalkMe would not take this; the text is the `descr` of its answer."""


class TokenRefused(Refused):
    """No dialog may be spoken to with this token."""


class DialogFinished(Refused):
    """The bot has left the dialog, and the caller has not spoken since."""


class Kind(StrEnum):
    """What an event is."""

    SAID = "said"
    """The caller spoke."""
    TYPING = "typing"
    REPLY = "reply"
    FINISH = "finish"
    REFUSED = "refused"
    """A TalkMe call that was answered with `success: false`; `text` says why."""
    FAULT = "fault"
    """Something went wrong on purpose; `text` is the fault's name."""
    WEBHOOK = "webhook"
    """The daemon has answered a webhook that the mock sent itself: `status`, none where nobody answered, and `text`."""
    HANG_UP = "hang_up"
    """The caller has hung up."""


class DialogState(StrEnum):
    """Who has the dialog."""

    OPEN = "open"
    """The bot."""
    ENDED = "ended"
    OPERATOR = "operator"
    IRRELEVANT = "irrelevant"
    HUNG_UP = "hung_up"


class FinishCode(StrEnum):
    """How the bot leaves a dialog."""

    SUCCESS = "SUCCESS"
    OPERATOR_REQUEST = "OPERATOR_REQUEST"
    IRRELEVANT_MESSAGE = "IRRELEVANT_MESSAGE"


STATE_AFTER = {
    FinishCode.SUCCESS: DialogState.ENDED,
    FinishCode.OPERATOR_REQUEST: DialogState.OPERATOR,
    FinishCode.IRRELEVANT_MESSAGE: DialogState.IRRELEVANT,
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a call. `at` is Unix seconds on the mock's clock, `ttl` seconds."""

    seq: int
    """Counts from 1 within the call, without gaps."""
    kind: Kind
    at: float
    text: str | None = None
    ttl: int | None = None
    code: FinishCode | None = None
    message_id: int | None = None
    """TalkMe's id of what the caller said; unique over all calls, and over restarts of the mock."""
    request_id: str | None = None
    """`X-Request-ID` of the HTTP request, if it had one."""
    confirmed: bool = True
    """False where a fault kept the answer from the daemon, which therefore may ask for the same again."""
    status: int | None = None
    """HTTP status of a webhook's answer."""


@dataclass(slots=True)
class Call:
    """One dialog of TalkMe: who calls, and what was received."""

    id: int
    token: str
    client_id: str
    dialog_id: int
    search_id: int
    login: str
    name: str
    phone: str | None
    opened_at: float
    """Unix seconds."""
    announced: bool
    """Opened by a caller at the mock; otherwise it began with a TalkMe call whose token nobody had."""
    state: DialogState = DialogState.OPEN
    last_seq: int = 0
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once, by the next event; then another takes its place."""

    def after(self, seq: int) -> list[Event]:
        """The events kept with a sequence number greater than `seq`, in order."""
        return [event for event in self.events if event.seq > seq]

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Calls:
    """All calls. A token belongs to the call that took it last: sends with it go there.

    `tokens` are the only ones accepted; empty, any is, and one that no call has begins a call of its own.
    `now` gives Unix seconds. `watch` is told each event as it is recorded.
    """

    def __init__(
        self,
        *,
        tokens: Collection[str] = (),
        now: Callable[[], float] = time.time,
        watch: Callable[[Call, Event], None] | None = None,
    ) -> None:
        self._allowed = tuple(tokens)
        self._now = now
        self._watch = watch
        self._calls: dict[int, Call] = {}
        self._by_token: dict[str, Call] = {}
        self._numbers = itertools.count(1)
        # A daemon remembers ids for longer than the mock runs, so they must not begin again at 1.
        self._ids = itertools.count(int(now() * 1000))
        self._closed = False
        self._listeners: set[asyncio.Queue[tuple[Call, Event] | None]] = set()

    def open(self, *, phone: str | None = None, name: str | None = None, token: str | None = None) -> Call:
        """A new dialog. Without `token` it gets one of its own; where only some are accepted, the one whose
        dialog is the oldest. Raises `TokenRefused`."""
        if token is None:
            token = self._free_token()
        self._check(token)
        return self._add(token, phone, name, announced=True)

    def of_token(self, token: str) -> Call:
        """The dialog that a TalkMe call speaks to. Raises `TokenRefused`."""
        self._check(token)
        return self._by_token.get(token) or self._add(token, None, None, announced=False)

    def get(self, call_id: int) -> Call | None:
        return self._calls.get(call_id)

    def has(self, call: Call) -> bool:
        """Whether a call is kept, by a server that goes on."""
        return not self._closed and call.id in self._calls

    def all(self) -> list[Call]:
        """The calls kept, oldest first."""
        return list(self._calls.values())

    def clear(self) -> int:
        """Forget all calls; how many there were."""
        count = len(self._calls)
        for call in self.all():
            self._drop(call)
        return count

    def close(self) -> None:
        """Let nobody wait any longer: the server is stopping."""
        self._closed = True
        for call in self._calls.values():
            call.wake()
        for queue in self._listeners:
            queue.put_nowait(None)

    def said(self, call: Call, text: str, request_id: str | None = None) -> Event:
        """The caller speaks, which opens the dialog again if the bot had left it."""
        call.state = DialogState.OPEN
        return self._record(call, Kind.SAID, text=text, message_id=next(self._ids), request_id=request_id)

    def typing(self, call: Call, ttl: int, request_id: str | None = None) -> Event:
        # Where the mock does not hear the caller, typing is the only sign that he spoke again.
        if not call.announced:
            call.state = DialogState.OPEN
        return self._record(call, Kind.TYPING, ttl=ttl, request_id=request_id)

    def reply(self, call: Call, text: str, request_id: str | None = None, *, confirmed: bool = True) -> Event:
        """Raises `DialogFinished`."""
        if call.state is not DialogState.OPEN:
            raise DialogFinished("Диалог завершён: отправка возможна, когда клиент напишет снова")
        return self._record(call, Kind.REPLY, text=text, request_id=request_id, confirmed=confirmed)

    def finish(self, call: Call, code: FinishCode, request_id: str | None = None) -> Event:
        if call.state is not DialogState.HUNG_UP:
            call.state = STATE_AFTER[code]
        return self._record(call, Kind.FINISH, code=code, request_id=request_id)

    def refused(self, token: str, why: str, request_id: str | None = None) -> None:
        """Keep a refusal with the call that has the token, if one has."""
        if call := self._by_token.get(token):
            self._record(call, Kind.REFUSED, text=why, request_id=request_id)

    def fault(self, token: str, name: str) -> None:
        """Keep a fault with the call that has the token, if one has."""
        if call := self._by_token.get(token):
            self._record(call, Kind.FAULT, text=name)

    async def events(self, call: Call, after: int, wait: float) -> list[Event]:
        """The events with a sequence number greater than `after`; where there is none yet, the next ones,
        or none after `wait` seconds or when the call is forgotten."""
        if self.has(call) and call.last_seq <= after:
            with suppress(TimeoutError):
                await asyncio.wait_for(call.changed.wait(), wait)
        return call.after(after)

    def answered(self, call: Call, status: int | None, text: str, message_id: int | None) -> Event:
        """The daemon has answered the webhook of a message, or nobody has."""
        return self._record(call, Kind.WEBHOOK, text=text, message_id=message_id, status=status)

    def hang_up(self, call: Call) -> None:
        """The caller hears nothing any more, until he speaks again."""
        if call.state is not DialogState.HUNG_UP:
            call.state = DialogState.HUNG_UP
            self._record(call, Kind.HANG_UP)

    async def listen(self) -> AsyncGenerator[tuple[Call, Event], None]:
        """Every event of every call from now on, until the server stops."""
        queue: asyncio.Queue[tuple[Call, Event] | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while not self._closed and (happened := await queue.get()):
                yield happened
        finally:
            self._listeners.discard(queue)

    def _record(
        self,
        call: Call,
        kind: Kind,
        *,
        text: str | None = None,
        ttl: int | None = None,
        code: FinishCode | None = None,
        message_id: int | None = None,
        request_id: str | None = None,
        confirmed: bool = True,
        status: int | None = None,
    ) -> Event:
        call.last_seq += 1
        event = Event(call.last_seq, kind, self._now(), text, ttl, code, message_id, request_id, confirmed, status)
        call.events.append(event)
        call.wake()
        if self._watch:
            self._watch(call, event)
        for queue in self._listeners:
            queue.put_nowait((call, event))
        return event

    def _add(self, token: str, phone: str | None, name: str | None, *, announced: bool) -> Call:
        number, now = next(self._numbers), self._now()
        day = time.localtime(now)
        call = Call(
            id=number,
            token=token,
            client_id="".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(12)),
            dialog_id=next(self._ids),
            search_id=next(self._ids),
            login=f"{number}_posetitel",
            name=name or f"{number} посетитель в {MONTHS[day.tm_mon - 1]} {day.tm_year} года",
            phone=phone,
            opened_at=now,
            announced=announced,
        )
        while len(self._calls) >= MAX_CALLS:
            self._drop(next(iter(self._calls.values())))
        self._calls[call.id] = self._by_token[token] = call
        return call

    def _drop(self, call: Call) -> None:
        del self._calls[call.id]
        if self._by_token.get(call.token) is call:
            del self._by_token[call.token]
        call.wake()

    def _free_token(self) -> str:
        if not self._allowed:
            return secrets.token_hex(16)
        return min(self._allowed, key=lambda token: call.id if (call := self._by_token.get(token)) else 0)

    def _check(self, token: str) -> None:
        if self._allowed and token not in self._allowed:
            raise TokenRefused("Неверный токен (X-Token): такого токена нет")
