"""A load: calls to the daemon, replies heard at the mock, and what became of every message, checked at both ends."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from iteira_cli.errors import CliError
from iteira_cli.load_monitor import Monitor, Sample
from iteira_cli.mock_client import MockClient
from iteira_cli.nodes import poll
from iteira_cli.reconciliation import SETTLE, Reconciliation

if TYPE_CHECKING:
    from socket import socket

    from iteira_cli.admin_client import AdminClient
    from iteira_cli.output import Output
    from mock_server.delivery import Deliveries
    from mock_server.faults import Faults
    from mock_server.posting import Post
    from mock_server.traffic import Plan, Replies, Traffic
    from mock_server.verdict import Verdict

AFTERWARDS = 1.0
"""Seconds in which a second reply to the last message would be heard."""


@dataclass(slots=True)
class Outcome:
    """What a load has shown."""

    traffic: Traffic
    verdict: Verdict
    began: float
    """Unix seconds; so is `ended`, the end of the last call."""
    ended: float
    generator_cpu: float
    """CPU seconds of this program while calls were made."""
    samples: list[Sample] = field(default_factory=list)
    daemon_asked: bool = True
    """The daemon has told what became of the messages without a reply."""
    fillers: int = 0
    """Times that a caller was asked for patience: part of no reply."""
    refusals: int = 0
    limited: int = 0
    """Of the refusals, those because too much came."""
    last_refusal: str | None = None
    faults_met: dict[str, int] = field(default_factory=dict)


class LoadTest:
    """One load of `plan`. `sock`: where a mock is to run for its length; without, one answers at `mock` already.
    `headers`: of every webhook."""

    def __init__(
        self,
        plan: Plan,
        admin: AdminClient,
        mock: str,
        sock: socket | None,
        faults: Faults,
        tokens: list[str],
        headers: dict[str, str],
        output: Output,
    ) -> None:
        self._plan, self._admin, self._mock, self._sock = plan, admin, mock, sock
        self._faults, self._tokens, self._headers, self._output = faults, tokens, headers, output

    async def run(self) -> Outcome:
        """Make the calls, wait until nothing waits any more, and judge. Raises `Failed`."""
        import httpx

        from mock_server.posting import aiohttp_session, by_aiohttp

        async with (
            self._mock_of_our_own(),
            httpx.AsyncClient(trust_env=False) as http,
            aiohttp_session(self._headers) as posting,
        ):
            deliveries, replies = self._deliveries(by_aiohttp(posting)), self._replies()
            traffic = self._traffic(deliveries, replies)
            mock, monitor = MockClient(http, self._mock), Monitor(traffic, deliveries, self._admin, self._output)
            async with mock.faults(self._faults) as met, mock.listening(replies), monitor.watching():
                cpu = time.process_time()
                began = time.time()
                await traffic.run()
                ended, cpu = time.time(), time.process_time() - cpu
                await self._settle(traffic, replies)
        reconciliation = Reconciliation(self._admin, traffic, replies.heard, shared_tokens=bool(self._tokens))
        return Outcome(
            traffic=traffic,
            verdict=await reconciliation.verdict(),
            began=began,
            ended=ended,
            generator_cpu=cpu,
            samples=monitor.samples,
            daemon_asked=reconciliation.daemon_asked,
            fillers=reconciliation.fillers,
            refusals=deliveries.refusals,
            limited=deliveries.limited,
            last_refusal=deliveries.last_refusal,
            faults_met={**met, **self._faults.met},
        )

    def _mock_of_our_own(self) -> AbstractAsyncContextManager[None]:
        from mock_server.app import create_app
        from mock_server.serving import running

        return running(create_app(), self._sock) if self._sock else nullcontext()

    def _deliveries(self, post: Post) -> Deliveries:
        from mock_server.delivery import Deliveries

        return Deliveries(post, lambda: self._admin.url, faults=self._faults, give_up=self._plan.patience)

    def _replies(self) -> Replies:
        from mock_server.traffic import Replies
        from mock_server.turns import RepliesInTurn

        return RepliesInTurn() if self._plan.scripts else Replies()

    def _traffic(self, deliveries: Deliveries, replies: Replies) -> Traffic:
        from mock_server.traffic import Traffic

        return Traffic(
            self._plan,
            deliveries,
            replies,
            Random(f"load {self._faults.seed}"),  # noqa: S311 - to be repeated, not to be secret
            name=f"load-{secrets.token_hex(4)}",
            tokens=self._tokens,
        )

    async def _settle(self, traffic: Traffic, replies: Replies) -> None:
        """Until all that was said is heard, or the daemon has nothing left to say."""

        async def settled() -> bool:
            heard = len({reply.text for reply in replies.heard})
            if heard >= len(traffic.sent):
                return True
            try:
                return not (await asyncio.to_thread(self._admin.stats))["queue"]["depth"]
            except CliError:
                return False

        if not await poll(settled, SETTLE):
            self._output.warning(f"after {SETTLE:g} s there still is something to answer")
        await asyncio.sleep(AFTERWARDS)
