"""From an `Incoming` to a message in the inbox and, in time, its outcome: what the webhook promises."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Sequence

from server.errors import Stopping, StoreError, TokenNotAllowed
from server.intake.backlog import Backlog
from server.intake.rates import Counted, Quotas
from server.models import Accepted, Incoming, Outcome
from server.observability.about import about
from server.observability.catalogue import ACCEPTED
from server.observability.tally import Tally
from server.stores.base import Inbox

log = logging.getLogger(__name__)


class Intake:
    """The door of the daemon.

    `tokens` are those of the webhooks that are allowed; none allows every token. `quotas` are how many messages,
    `wrong` how many wrong tokens. Whoever waits does so in the `backlog`. `log_texts`: as `logging.texts`.
    """

    def __init__(
        self,
        inbox: Inbox,
        tokens: Sequence[str],
        reply_wait: float,
        quotas: Quotas,
        wrong: Counted,
        tally: Tally,
        backlog: Backlog,
        *,
        log_texts: bool = False,
    ) -> None:
        self._tally, self._backlog = tally, backlog
        self._inbox, self._reply_wait, self._log_texts = inbox, reply_wait, log_texts
        self._quotas, self._wrong = quotas, wrong
        self._tokens = [token.encode() for token in tokens]
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Take nothing more: the process is stopping. Those who wait for an outcome go on waiting."""
        self._closed = True

    async def take(self, incoming: Incoming, address: str) -> tuple[Accepted, Outcome | None]:
        """Store the message, then wait up to `reply_wait` seconds for what becomes of it; None if that takes longer.

        `address`: whose it counts as. Raises `TokenNotAllowed`, and `TooMany` or `StoreError` when nothing was stored.
        """
        if self._closed:
            raise Stopping("this process is stopping")
        self._authorise(incoming.token, address)
        with self._backlog.place() as place:
            accepted = await self._inbox.accept(incoming, self._quotas.of(incoming, address))
            if accepted.duplicate:
                place.leave()
            else:
                place.of(accepted.message_id)
            return accepted, await self._answered(incoming, accepted)

    async def _answered(self, incoming: Incoming, accepted: Accepted) -> Outcome | None:
        self._tally.add(ACCEPTED, "repeated" if accepted.duplicate else "first")
        with about(session=incoming.user_id, turn=accepted.message_id):
            log.info("message %s accepted%s", accepted.message_id, " again" if accepted.duplicate else "")
            if self._log_texts:
                log.info("message %s says: %s", accepted.message_id, incoming.text)
            return await self._outcome(accepted.message_id)

    async def _outcome(self, message_id: str) -> Outcome | None:
        """None as well when the store or our time ends while we wait: the message is stored, and that counts."""
        try:
            return await self._inbox.outcome(message_id, self._reply_wait)
        except StoreError as error:
            log.warning("the outcome of message %s could not be waited for: %s", message_id, error)
        except asyncio.CancelledError:
            log.warning("message %s is not finished at shutdown; it stays in the inbox", message_id)
        return None

    def _authorise(self, token: str, address: str) -> None:
        given = token.encode()
        # Every comparison is made, so that the time tells neither which token was nearly right nor where it stands.
        if self._tokens and not sum(hmac.compare_digest(given, allowed) for allowed in self._tokens):
            self._wrong.spend(address)  # right ones still pass: a channel set up wrongly must not silence the others
            raise TokenNotAllowed("the webhook's token is not in talkme.tokens")
