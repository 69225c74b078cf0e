"""A caller of the mock's own: what is typed on its page goes to the daemon, and what came of it is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from mock_server.calls import Call, Calls, Event
from mock_server.delivery import Deliveries
from mock_server.faults import Fault, Faults
from mock_server.posting import by_httpx
from mock_server.webhook import webhook

HELD = 5.0
"""Seconds that a message waits at most for the next one to overtake it (the fault `reorder`)."""
HEALTH_TIMEOUT = 3.0
TOLD = ("text", "state", "timeline")
"""What is repeated of a line of the daemon's transcript."""


class Speaker:
    """Delivers to the daemon at `daemon`, once: whoever is at the page sees a refusal and may say it again."""

    def __init__(self, calls: Calls, faults: Faults, daemon: str, headers: Mapping[str, str] | None = None) -> None:
        self.daemon = daemon.rstrip("/")
        self._calls, self._faults, self._headers = calls, faults, headers
        self._client: httpx.AsyncClient | None = None
        self._speaking: set[asyncio.Task[None]] = set()
        self._overtaken: dict[int, asyncio.Event] = {}

    def say(self, call: Call, text: str) -> Event:
        """The caller speaks; the webhook is on its way when this returns. Its outcome becomes an event of the call."""
        event = self._calls.said(call, text)
        task = asyncio.create_task(self._deliver(call, event))
        self._speaking.add(task)
        task.add_done_callback(self._speaking.discard)
        return event

    async def health(self) -> str:
        """What the daemon says of itself (`ok`, `degraded`, `unavailable`), or `unreachable`."""
        try:
            answer = await self._http().get(f"{self.daemon}/webhook/talkme/health", timeout=HEALTH_TIMEOUT)
            return str(answer.json()["status"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return "unreachable"

    async def turns(self, call: Call) -> list[dict[str, Any]]:
        """What the daemon's administration tells of each message of a call (`text`, `state`, `timeline`), in order;
        nothing where it tells us nothing: it may want a token, or be another program."""
        url = f"{self.daemon}/webhook/talkme/session/{quote(call.client_id, safe='')}"
        try:
            answer = await self._http().get(url, timeout=HEALTH_TIMEOUT)
            lines = answer.raise_for_status().json()["transcript"]
            return [{key: line[key] for key in TOLD} for line in lines if line["role"] == "caller"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return []

    async def close(self) -> None:
        for task in list(self._speaking):
            task.cancel()
        await asyncio.gather(*self._speaking, return_exceptions=True)
        if self._client:
            await self._client.aclose()

    async def _deliver(self, call: Call, event: Event) -> None:
        deliveries = Deliveries(by_httpx(self._http()), lambda: self.daemon, faults=self._faults, give_up=0)
        fault = deliveries.fault()
        if fault:
            self._calls.fault(call.token, fault.name)
        await self._in_order(call, fault)
        client = {
            "searchId": call.search_id,
            "login": call.login,
            "clientId": call.client_id,
            "name": call.name,
            "phone": call.phone,
        }
        body = webhook(call.token, client, event.text or "", message_id=event.message_id, dialog_id=call.dialog_id)
        done = await deliveries.deliver(body, fault)
        self._calls.answered(call, done.status, _words(done.told), event.message_id)

    async def _in_order(self, call: Call, fault: Fault | None) -> None:
        """Wait to be overtaken, or overtake who waits."""
        if fault and fault.name == "reorder":
            overtaken = self._overtaken[call.id] = asyncio.Event()
            try:
                await asyncio.wait_for(overtaken.wait(), HELD)
            except TimeoutError:
                if self._overtaken.get(call.id) is overtaken:  # another one may be held by now
                    del self._overtaken[call.id]
        elif waiting := self._overtaken.pop(call.id, None):
            asyncio.get_running_loop().call_later(HELD / 10, waiting.set)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            # A proxy of the environment must not stand between this program and its neighbours.
            self._client = httpx.AsyncClient(trust_env=False, headers=self._headers)
        return self._client


def _words(told: str) -> str:
    """What an answer of the daemon says to people; of any other, its beginning."""
    try:
        answer = json.loads(told)
        return str(answer.get("error") or answer.get("message"))
    except (ValueError, AttributeError):
        return told[:200]
