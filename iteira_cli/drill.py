"""A drill: daemons under load whose processes are killed at random, and the verdict over what they promised."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from iteira_cli.errors import CliError, NotFound
from iteira_cli.nodes import START_SECONDS, Node, poll

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from fastapi import FastAPI, Request, Response
    from starlette.middleware.base import RequestResponseEndpoint

    from iteira_cli.output import Output
    from mock_server.calls import Call, Event
    from mock_server.load import Load
    from mock_server.verdict import Heard, Verdict

TALKME_PAUSE = 0.05
"""Seconds the mock takes before and again after it has taken a call: without them hardly a kill would hit a turn."""
STALE_AFTER = 120.0
"""Seconds for the queue to be emptied; what is older is not answered any more (`server.stale_after`)."""
SHOWN_EVERY = 0.25
"""Seconds between two looks of the progress line."""

WORKER_KILLED, NODE_KILLED, NODE_RESTARTED = "workers killed", "nodes killed", "nodes restarted"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a drill does. Times are seconds, `rate` is messages a second."""

    seed: int
    duration: float
    rate: float
    callers: int
    kill_every: float
    nodes: int
    workers: int
    lease: float


class Drill:
    """One drill in `folder`. After `run`, `load` has what was said and `faults` how often what was done."""

    def __init__(self, plan: Plan, folder: Path, environment: Mapping[str, str], output: Output) -> None:
        self.plan = plan
        self.faults = Counter({WORKER_KILLED: 0, NODE_KILLED: 0, NODE_RESTARTED: 0})
        self.load: Load
        self.nodes: list[Node] = []
        self._folder, self._environment, self._output = folder, environment, output
        self._routing = Random(f"routing {plan.seed}")  # noqa: S311 - to be repeated, not to be secret
        self._heard: list[Heard] = []
        self._kills: list[float] = []
        self._began = time.monotonic()

    async def run(self) -> Verdict:
        """Start everything, load it and break it, wait until the queue is empty, and judge. Nothing is left running.

        Raises `Failed` if a node does not start, or ends by itself.
        """
        import httpx

        from mock_server.app import create_app
        from mock_server.load import Load
        from mock_server.posting import by_httpx
        from mock_server.serving import listen, running
        from mock_server.verdict import judge

        sock = listen("127.0.0.1", 0)
        talkme = f"http://127.0.0.1:{sock.getsockname()[1]}/"
        connections = httpx.Limits(max_connections=None, max_keepalive_connections=self.plan.callers)
        async with (
            running(_taking_its_time(create_app(watch=self._watch)), sock),
            httpx.AsyncClient(limits=connections, trust_env=False) as http,
            self._progress(),
        ):
            self.load = Load(
                by_httpx(http),
                Random(f"load {self.plan.seed}"),  # noqa: S311 - to be repeated, not to be secret
                name=f"drill-{secrets.token_hex(4)}",
                callers=self.plan.callers,
                rate=self.plan.rate,
                target=self._target,
            )
            try:
                await self._start_nodes(talkme)
                await self._load_and_break()
                await self._until_idle()
                ended = await asyncio.to_thread(self._ended)
            finally:
                for node in self.nodes:
                    node.kill()
        return judge(self.load.sent, self._heard_by_callers(), ended, self._kills)

    def _watch(self, call: Call, event: Event) -> None:
        from mock_server.calls import Kind
        from mock_server.verdict import Heard

        if event.kind is Kind.REPLY:
            self._heard.append(Heard(call.token, event.text or "", event.at))

    def _heard_by_callers(self) -> list[Heard]:
        """What was heard, with the caller in place of the token by which TalkMe knows his dialog."""
        owners = {caller.token: caller.user_id for caller in self.load.callers}
        return [replace(heard, caller=owners.get(heard.caller, heard.caller)) for heard in self._heard]

    async def _start_nodes(self, talkme: str) -> None:
        for number in range(1, self.plan.nodes + 1):
            folder = self._folder / f"node-{number}"
            its_own = {"BASE_URL_TALKME": talkme, "ITEIRA_LOGGING__DIR": str(folder / "logs")}
            self.nodes.append(Node(number, folder, self.plan.workers, {**self._environment, **its_own}))
        for node in self.nodes:  # one after another: the first one makes the store
            await node.start()

    def _target(self) -> str:
        """Where the next webhook goes: to any node that is up, as behind a load balancer."""
        up = [node for node in self.nodes if node.up]
        return self._routing.choice(up or self.nodes).url

    async def _load_and_break(self) -> None:
        import anyio

        self._began = time.monotonic()
        try:
            async with anyio.create_task_group() as group:
                if self.plan.kill_every:
                    group.start_soon(self._break, group)
                await self.load.run(self.plan.duration)
        except* CliError as errors:
            raise errors.exceptions[0] from None

    async def _break(self, group: TaskGroup) -> None:
        """One fault after another, as the seed says, until the load ends. Which process it hits depends also on which
        are there at that moment."""
        random = Random(f"faults {self.plan.seed}")  # noqa: S311 - to be repeated, not to be secret
        while True:
            pause = random.expovariate(1 / self.plan.kill_every)
            kind, where, whom = random.random(), random.random(), random.random()
            await asyncio.sleep(min(pause, self.plan.duration))
            await poll(self._any_up, self.plan.duration)
            up = [node for node in self.nodes if node.up]
            if not up or time.monotonic() - self._began > self.plan.duration:
                return
            node = up[int(where * len(up))]
            if kind < 0.6 and node.workers > 1:
                await self._kill_worker(node, whom)
            else:
                group.start_soon(self._kill_node if kind < 0.8 else self._restart, node)

    async def _kill_worker(self, node: Node, whom: float) -> None:
        pids: list[int] = []

        async def there() -> bool:  # not while those killed before are being replaced
            pids[:] = await node.pids()
            return bool(pids)

        if await poll(there, START_SECONDS) and node.kill_worker(pid := pids[int(whom * len(pids))]):
            self._happened(WORKER_KILLED, f"worker {pid} of node {node.number} killed", kill=True)

    async def _kill_node(self, node: Node) -> None:
        node.kill()
        self._happened(NODE_KILLED, f"node {node.number} killed", kill=True)
        await node.start()

    async def _restart(self, node: Node) -> None:
        self._happened(NODE_RESTARTED, f"node {node.number} restarted")
        await node.stop()
        await node.start()

    def _happened(self, fault: str, what: str, *, kill: bool = False) -> None:
        self.faults[fault] += 1
        if kill:
            self._kills.append(time.time())
        self._output.note(f"{time.monotonic() - self._began:7.1f} s  {what}")

    async def _until_idle(self) -> None:
        """Until nothing waits any more, or what waits would have expired."""
        limit = STALE_AFTER + self.plan.lease
        if not await poll(self._idle, limit):
            self._output.note(f"the queue is not empty after {limit:g} s")

    async def _idle(self) -> bool:
        figures = await asyncio.gather(*(node.stats() for node in self.nodes))
        return all(stats and not stats["queue"]["depth"] for stats in figures)

    async def _any_up(self) -> bool:
        return any(node.up for node in self.nodes)

    def _ended(self) -> dict[int, str]:
        """What the daemon says became of each message, by message id."""
        ids = {(sent.caller, sent.mark): sent.id for sent in self.load.sent}
        states = {}
        for caller in self.load.callers:
            with suppress(NotFound):  # nothing of this caller was accepted
                for line in self.nodes[0].admin.session(caller.user_id)["transcript"]:
                    key = (caller.user_id, line["text"].split()[-1])
                    if line["role"] == "caller" and key in ids:
                        states[ids[key]] = line["state"]
        return states

    @asynccontextmanager
    async def _progress(self) -> AsyncIterator[None]:
        """One line that lives on a terminal; elsewhere nothing."""
        if not self._output.err.is_terminal:
            yield
            return
        with self._output.err.status("starting") as status:

            async def refresh() -> None:
                while True:
                    await asyncio.sleep(SHOWN_EVERY)
                    status.update(self._line())

            refreshing = asyncio.create_task(refresh())
            try:
                yield
            finally:
                refreshing.cancel()

    def _line(self) -> str:
        up = sum(node.up for node in self.nodes)
        accepted = sum(sent.accepted for sent in self.load.sent)
        return (
            f"{time.monotonic() - self._began:.0f} s of {self.plan.duration:g} s: {self.load.intended} said, "
            f"{accepted} accepted, {len(self._heard)} replies, {self.faults.total()} faults, "
            f"{up} of {self.plan.nodes} nodes up"
        )


def _taking_its_time(app: FastAPI) -> FastAPI:
    async def slowly(request: Request, call_next: RequestResponseEndpoint) -> Response:
        await asyncio.sleep(TALKME_PAUSE)
        response = await call_next(request)
        await asyncio.sleep(TALKME_PAUSE)
        return response

    app.middleware("http")(slowly)
    return app
