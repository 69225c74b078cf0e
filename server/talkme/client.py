"""TalkMe's API for bots: typing, send, finish (https://api.talkme.ru/, «customBot»).

TalkMe is known to drop connections, so every call is tried several times. All attempts of a turn share the turn's own
time limit: whoever calls this client puts it around the call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import orjson
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from server.clock import Clock
from server.errors import TALKME_SAYS, TalkMeError, TalkMeTokenRefused, unquoted
from server.models import FinishCode
from server.observability.about import bound
from server.observability.catalogue import (
    BROKEN_OFF,
    REFUSED_ALL_THE_SAME,
    RETRIES,
    TALKME_CALLS,
    TIMEOUT,
    UNREACHABLE,
)
from server.observability.tally import Tally
from server.outgoing import Outgoing
from server.retrying import tried
from server.talkme.texts import split
from server.text import clean

log = logging.getLogger(__name__)

RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
"""Statuses that may pass; so may all of 500 and above."""

ANSWER_BYTES = 65_536
"""Of an answer that are read: TalkMe's are a few hundred long."""
DESCRIPTION_LENGTH = 200
"""Characters of TalkMe's own words that are kept with a failed message."""
RETRY_AFTER_MOST = 3600.0


class Passing(TalkMeError):
    """A failure that another attempt may not meet. `after`: seconds that TalkMe asked us to wait."""

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after


Ended = Callable[[str, float], None]
"""Told of each call: its HTTP status, or how it ended without one, and the seconds that it took."""


def _untold(how: str, seconds: float) -> None: ...


class TalkMe(Protocol):
    """What the daemon says to TalkMe. `token` is the one its webhook came with. A repeated call repeats the text.

    `ended` learns of each attempt of a call.
    """

    async def send(
        self, token: str, text: str, before: Callable[[], None] = lambda: None, ended: Ended = _untold
    ) -> None:
        """Have the text spoken, in several sends if it is long. Raises `TalkMeError` after all attempts.

        `before` is called before each attempt; what it raises ends them.
        """

    async def typing(self, token: str, ended: Ended = _untold) -> None:
        """Show that an answer is being written. Tried once; raises `TalkMeError`."""

    async def finish(self, token: str, code: FinishCode, ended: Ended = _untold) -> None:
        """End the bot's part of the dialog. Raises `TalkMeError` after all attempts."""

    async def close(self) -> None: ...


class TalkMeClient:
    """`TalkMe` over HTTP. One for the life of a process, so that connections are kept.

    `timeout` (seconds) limits one call, `ttl` (seconds) is how long typing is shown, `text_limit` is in characters.
    `codes`: what the ends of a dialog are called in TalkMe's cabinet, where it is not as in `FinishCode`. Each attempt
    is counted in `tally`.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        clock: Clock,
        *,
        timeout: float = 10,
        attempts: int = 3,
        ttl: int = 15,
        text_limit: int = 4000,
        codes: Mapping[FinishCode, str] | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._outgoing, self._clock, self._timeout = outgoing, clock, timeout
        self._attempts, self._ttl, self._text_limit = attempts, ttl, text_limit
        self._codes, self._tally = codes or {}, tally or Tally()

    async def send(
        self, token: str, text: str, before: Callable[[], None] = lambda: None, ended: Ended = _untold
    ) -> None:
        for part in split(text, self._text_limit):
            await self._call_until_taken("customBot/send", token, {"content": {"text": part}}, ended, before)

    async def typing(self, token: str, ended: Ended = _untold) -> None:
        await self._call("customBot/simulateTyping", token, {"ttl": self._ttl}, ended)

    async def finish(self, token: str, code: FinishCode, ended: Ended = _untold) -> None:
        await self._call_until_taken("customBot/finish", token, {"code": self._codes.get(code, code.value)}, ended)

    async def close(self) -> None:
        await self._outgoing.close()

    async def _call_until_taken(
        self,
        method: str,
        token: str,
        body: Mapping[str, Any],
        ended: Ended,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        async def attempt() -> None:
            before()
            await self._call(method, token, body, ended)

        await tried(attempt, self._retrying)

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            sleep=self._clock.sleep,
            stop=stop_after_attempt(self._attempts),
            wait=_pause,
            retry=retry_if_exception_type(Passing),
            before_sleep=self._note_retry,
            reraise=True,
        )

    async def _call(self, method: str, token: str, body: Mapping[str, Any], told: Ended) -> None:
        identity = {"X-Token": token}
        if turn := bound().get("turn"):
            identity["X-Request-Id"] = turn  # the id by which logs, timeline and `iteira why` know the turn
        ended, began = BROKEN_OFF, self._clock.now()
        try:
            async with self._clock.timeout(self._timeout):
                status, after, answer = await self._exchange(method, orjson.dumps(body), identity)
            ended = str(status)
            _check(method, status, after, answer, token)
        except TimeoutError:
            ended = TIMEOUT
            raise Passing(f"{method}: no answer within {self._timeout:g} s") from None
        except OSError as error:
            ended = UNREACHABLE
            raise Passing(f"{method}: {_kind(error)}") from error
        except TalkMeError:
            ended = REFUSED_ALL_THE_SAME if ended == "200" else ended
            raise
        finally:
            self._tally.add(TALKME_CALLS, method.removeprefix("customBot/"), ended)
            told(ended, self._clock.now() - began)

    def _note_retry(self, state: RetryCallState) -> None:
        self._tally.add(RETRIES, "talkme")
        failure = state.outcome.exception() if state.outcome else None
        log.warning("TalkMe, attempt %d: %s", state.attempt_number, unquoted(str(failure)))

    async def _exchange(self, method: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float, bytes]:
        """Status, seconds of `Retry-After`, and as much of the body as any answer of TalkMe has."""
        async with self._outgoing.post(method, body, headers) as response:
            answer = b""
            while len(answer) <= ANSWER_BYTES and (piece := await response.piece()):
                answer += piece
            return response.status, min(response.retry_after, RETRY_AFTER_MOST), answer[:ANSWER_BYTES]


def _check(method: str, status: int, after: float, body: bytes, token: str) -> None:
    """Return if TalkMe took the call; else raise what its answer means. `after`: seconds that it asked us to wait."""
    if status in RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Passing(f"{method}: HTTP {status}", after=after)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise TalkMeTokenRefused(f"{method}: HTTP {status}: the token was refused")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise TalkMeError(f"{method}: HTTP {status}")
    try:
        answer = orjson.loads(body)
    except ValueError:
        raise Passing(f"{method}: the answer is not JSON") from None
    if not isinstance(answer, dict) or answer.get("success") is not True:
        raise _refusal(method, answer, token)


def _refusal(method: str, answer: object, token: str) -> TalkMeError:
    error = answer.get("error") if isinstance(answer, dict) else None
    described = error.get("descr") if isinstance(error, dict) else error
    description = clean(str(described).replace(token, "…"))[:DESCRIPTION_LENGTH]
    if "token" in description.lower() or "токен" in description.lower():
        return TalkMeTokenRefused(f"{method}: the token is wrong; {TALKME_SAYS}{description}")
    return Passing(f"{method}: {TALKME_SAYS}{description}")


def _kind(error: Exception) -> str:
    """What went wrong on the way. Errors of the transport do not quote what was sent."""
    return clean(str(error))[:DESCRIPTION_LENGTH] or type(error).__name__


def _pause(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.after if isinstance(failure, Passing) else 0.0
    return max(asked, wait_exponential_jitter(multiplier=1, max=5, jitter=0.5)(state))
