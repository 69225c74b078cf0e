"""A load: calls to the daemon, replies heard at the mock, and what became of every message, checked at both ends."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from iteira_cli.errors import CliError, Failed, NotFound
from iteira_cli.nodes import poll
from iteira_cli.processes import Consumption, consumption

if TYPE_CHECKING:
    from socket import socket

    import httpx

    from iteira_cli.admin_client import AdminClient
    from iteira_cli.documents import TranscriptLine
    from iteira_cli.output import Output
    from mock_server.delivery import Deliveries
    from mock_server.faults import Faults
    from mock_server.traffic import Plan, Replies, Traffic
    from mock_server.verdict import Heard, Match, Sent, Verdict

SETTLE = 125.0
"""Seconds after the last call in which what still waits is answered, or expires (`server.stale_after` is 120 s)."""
AFTERWARDS = 1.0
"""Seconds in which a second reply to the last message would be heard."""
UNFINISHED = frozenset({"accepted", "answering", "answered"})
"""States of a message that the daemon still has to do with."""
SHOWN_EVERY = 0.25
SAMPLED_EVERY = 1.0
"""Seconds between two looks at the daemon's processes."""
LISTENING = 10.0
"""Seconds that the mock has to begin its stream."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the daemon's processes used: `at` seconds after the load began, CPU seconds until then, bytes."""

    at: float
    cpu: float
    memory: int


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
        self._samples: list[Sample] = []
        self._daemon_asked = True

    async def run(self) -> Outcome:
        """Make the calls, wait until nothing waits any more, and judge. Raises `Failed`."""
        import httpx

        from mock_server.app import create_app
        from mock_server.delivery import Deliveries
        from mock_server.posting import aiohttp_session, by_aiohttp
        from mock_server.serving import running
        from mock_server.traffic import Replies, Traffic
        from mock_server.turns import RepliesInTurn, by_turn
        from mock_server.verdict import by_mark, judge

        async with AsyncExitStack() as stack:
            if self._sock:
                await stack.enter_async_context(running(create_app(), self._sock))
            http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
            posting = await stack.enter_async_context(aiohttp_session(self._headers))
            before = await self._set_faults(http)
            replies = RepliesInTurn() if self._plan.scripts else Replies()
            deliveries = Deliveries(
                by_aiohttp(posting), lambda: self._admin.url, faults=self._faults, give_up=self._plan.patience
            )
            seed = self._faults.seed
            traffic = Traffic(
                self._plan,
                deliveries,
                replies,
                Random(f"load {seed}"),  # noqa: S311 - to be repeated, not to be secret
                name=f"load-{secrets.token_hex(4)}",
                tokens=self._tokens,
            )
            try:
                async with self._listening(http, replies), self._watched(traffic, deliveries):
                    cpu = time.process_time()
                    began = time.time()
                    await traffic.run()
                    ended, cpu = time.time(), time.process_time() - cpu
                    await self._settle(traffic, replies)
                met = await self._restore_faults(http, before)
            except BaseException:
                await self._restore_faults(http, before)
                raise
        heard = [replace(reply, caller=self._owner(traffic, reply)) for reply in replies.heard]
        heard = [reply for reply in heard if reply.caller.startswith(f"{traffic.name}-")]
        match = by_turn if self._plan.scripts else by_mark
        fillers = await asyncio.to_thread(self._fillers, traffic, heard, match)
        heard = [reply for reply in heard if reply not in fillers]
        states = await self._final(traffic, heard, match)
        verdict = judge([_taken(sent, states) for sent in traffic.sent], heard, states, match=match)
        return Outcome(
            traffic=traffic,
            verdict=verdict,
            began=began,
            ended=ended,
            generator_cpu=cpu,
            samples=self._samples,
            daemon_asked=self._daemon_asked,
            fillers=len(fillers),
            refusals=deliveries.refusals,
            limited=deliveries.limited,
            last_refusal=deliveries.last_refusal,
            faults_met={**met, **self._faults.met},
        )

    def _owner(self, traffic: Traffic, reply: Heard) -> str:
        """The caller who heard a reply. TalkMe knows a dialog by its token; where callers share one, by the mark."""
        if not self._tokens:
            return reply.caller.removeprefix("token-of-")
        marks = {sent.mark: sent.caller for sent in traffic.sent}
        return next((marks[word] for word in re.findall(r"\w+", reply.text) if word in marks), "")

    async def _set_faults(self, http: httpx.AsyncClient) -> dict[str, Any] | None:
        """Those of the mock's side; what was in force before, if there are any."""
        if not self._faults.faults:
            return None
        before: dict[str, Any] = (await self._at_mock(http, "GET")).json()
        wanted = {"chaos": self._faults.chaos, "seed": self._faults.seed}
        await self._at_mock(http, "PUT", wanted)
        return before

    async def _restore_faults(self, http: httpx.AsyncClient, before: dict[str, Any] | None) -> dict[str, int]:
        """How often the mock met those of the load."""
        if before is None:
            return {}
        met: dict[str, int] = (await self._at_mock(http, "GET")).json()["met"]
        await self._at_mock(http, "PUT", {"chaos": before["chaos"], "seed": before["seed"]})
        return met

    async def _at_mock(self, http: httpx.AsyncClient, method: str, body: object = None) -> httpx.Response:
        import httpx

        try:
            answer = await http.request(method, f"{self._mock}/faults", json=body, timeout=LISTENING)
            return answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Failed(f"the mock at {self._mock} does not take the faults: {error}") from None

    @asynccontextmanager
    async def _listening(self, http: httpx.AsyncClient, replies: Replies) -> AsyncIterator[None]:
        """Every reply that the mock receives is heard for the length of the block. Raises `Failed`."""
        import httpx

        listening = asyncio.Event()

        async def listen() -> None:
            url = f"{self._mock}/stream"
            async with http.stream("GET", url, params={"kind": "reply"}, timeout=httpx.Timeout(None)) as stream:
                async for line in stream.raise_for_status().aiter_lines():
                    listening.set()
                    if line.startswith("data: "):
                        event = json.loads(line[6:])
                        replies.take(_heard(event))

        task = asyncio.create_task(listen())
        waiting = asyncio.create_task(listening.wait())
        await asyncio.wait([task, waiting], timeout=LISTENING, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not listening.is_set():
            task.cancel()
            raise Failed(f"the mock at {self._mock} streams no events", "start `iteira mock` of this version there")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, httpx.HTTPError):
                await task

    @asynccontextmanager
    async def _watched(self, traffic: Traffic, deliveries: Deliveries) -> AsyncIterator[None]:
        """Processes are sampled, and on a terminal one line shows how it goes."""
        tasks = [asyncio.create_task(self._sample(traffic))]
        with self._status() as update:
            if update:
                tasks.append(asyncio.create_task(self._refresh(update, traffic, deliveries)))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    @contextmanager
    def _status(self) -> Iterator[Callable[[str], None] | None]:
        """What shows a line on a terminal; None elsewhere."""
        if not self._output.err.is_terminal:
            yield None
            return
        with self._output.err.status("calling") as status:
            yield status.update

    async def _refresh(self, update: Callable[[str], None], traffic: Traffic, deliveries: Deliveries) -> None:
        while True:
            update(progress(traffic, deliveries.refusals))
            await asyncio.sleep(SHOWN_EVERY)

    async def _sample(self, traffic: Traffic) -> None:
        pids: list[int] = []
        with suppress(CliError):
            pids = [worker["pid"] for worker in (await asyncio.to_thread(self._admin.stats))["workers"]]
        while True:
            used: Consumption | None = await asyncio.to_thread(consumption, pids) if pids else None
            if used and traffic.began:
                self._samples.append(Sample(time.time() - traffic.began, used.cpu, used.memory))
            await asyncio.sleep(SAMPLED_EVERY)

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

    async def _final(self, traffic: Traffic, heard: list[Heard], match: Match) -> dict[int, str]:
        """What became of the messages without a reply, once the daemon has done with them all."""
        states: dict[int, str] = {}

        async def done() -> bool:
            states.update(await asyncio.to_thread(self._ended, traffic, heard, match))
            return UNFINISHED.isdisjoint(states.values())

        await poll(done, SETTLE)
        return states

    def _fillers(self, traffic: Traffic, heard: Sequence[Heard], match: Match) -> list[Heard]:
        """What of it the daemon said only to ask for patience."""
        from mock_server import fillers

        outcomes = {}
        for turn in fillers.doubtful(heard, match(traffic.sent, heard, {})[1]):
            with suppress(CliError):  # unknown to the daemon, or it does not tell us: then it counts as a reply
                for happened in self._admin.message(turn)["timeline"]:
                    if happened["event"] == "filler":
                        outcomes[turn] = str(happened["details"].get("outcome"))
        return fillers.told(heard, outcomes, {sent.mark for sent in traffic.sent} - {""})

    def _ended(self, traffic: Traffic, heard: list[Heard], match: Match) -> dict[int, str]:
        """What the daemon says, by message id, of the messages without a reply; where replies are known by their turn
        it is asked of all that their callers said, since one that is missing makes others of the next ones."""
        replies, stray = match(traffic.sent, heard, {})
        silent = [sent for sent in traffic.sent if sent.id not in replies]
        callers = {sent.caller for sent in silent} | {reply.caller for reply in stray}
        asked = [sent for sent in traffic.sent if sent.caller in callers] if self._plan.scripts else silent
        states = {}
        for caller in {sent.caller for sent in asked}:
            try:
                lines = self._admin.session(caller)["transcript"]
            except NotFound:  # nothing of this caller was accepted
                continue
            except CliError:
                self._daemon_asked = False
                continue
            states.update(_states(lines, [sent for sent in asked if sent.caller == caller]))
        return states


def _heard(event: Mapping[str, Any]) -> Heard:
    from mock_server.verdict import Heard

    return Heard(event["token"], event["text"], event["at"], event["confirmed"], event["request_id"] or "")


def _states(lines: Sequence[TranscriptLine], sent: Sequence[Sent]) -> dict[int, str]:
    """The states of one caller's messages, which the daemon knows by what was said."""
    waiting: dict[str, list[int]] = {}
    for each in sent:
        waiting.setdefault(" ".join(each.text.split()), []).append(each.id)
    said = [(" ".join(line["text"].split()), line["state"]) for line in lines if line["role"] == "caller"]
    return {waiting[text].pop(0): state for text, state in said if waiting.get(text)}


def _taken(sent: Sent, ended: Mapping[int, str]) -> Sent:
    """A webhook answered 502 was refused to the caller, but its message is the daemon's, which says that it failed; so
    is one whose reply has no mark to be known by."""
    known = ended.get(sent.id)
    return replace(sent, accepted=sent.accepted or known in {"failed", "expired"} or bool(known and not sent.mark))


def progress(traffic: Traffic, refusals: int) -> str:
    """How a load goes, in one line."""
    from iteira_cli.output import duration
    from mock_server.figures import latencies, spread

    seen = traffic.observations
    answered = sum(each.heard_at is not None for each in seen)
    waits = spread(latencies(seen[-1000:]))
    seconds = time.time() - (traffic.began or time.time())
    return (
        f"{seconds:.0f} s: {traffic.under_way} calls under way, {traffic.said} said, {answered} answered, "
        f"{traffic.said - len(seen)} waiting, {len(seen) - answered} failed, {refusals} refused; "
        f"reply p50 {duration(waits.p50)}, p95 {duration(waits.p95)}"
    )
