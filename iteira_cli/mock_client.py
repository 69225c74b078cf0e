"""The mock TalkMe as a load uses it: its stream says what callers hear, and it goes wrong as it is asked to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from iteira_cli.errors import Failed

if TYPE_CHECKING:
    import httpx

    from mock_server.faults import Faults
    from mock_server.traffic import Replies
    from mock_server.verdict import Heard

LISTENING = 10.0
"""Seconds that the mock has to begin its stream, and to take faults."""


class MockClient:
    """The mock that answers at `url`."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url = http, url

    @asynccontextmanager
    async def faults(self, wanted: Faults) -> AsyncIterator[Mapping[str, int]]:
        """Those of the mock's side are in force for the length of the block, and then those before, if there are any
        wanted. What is given says after the block how often the mock met each. Raises `Failed`."""
        met: dict[str, int] = {}
        before = await self._set_faults(wanted)
        try:
            yield met
            met.update(await self._restore_faults(before))
        except BaseException:
            await self._restore_faults(before)
            raise

    async def _set_faults(self, wanted: Faults) -> dict[str, Any] | None:
        """What was in force before, if there are any wanted."""
        if not wanted.faults:
            return None
        before: dict[str, Any] = (await self._ask_faults("GET")).json()
        await self._ask_faults("PUT", {"chaos": wanted.chaos, "seed": wanted.seed})
        return before

    async def _restore_faults(self, before: dict[str, Any] | None) -> dict[str, int]:
        """How often the mock met those of the load."""
        if before is None:
            return {}
        met: dict[str, int] = (await self._ask_faults("GET")).json()["met"]
        await self._ask_faults("PUT", {"chaos": before["chaos"], "seed": before["seed"]})
        return met

    async def _ask_faults(self, method: str, body: object = None) -> httpx.Response:
        import httpx

        try:
            answer = await self._http.request(method, f"{self._url}/faults", json=body, timeout=LISTENING)
            return answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Failed(f"the mock at {self._url} does not take the faults: {error}") from None

    @asynccontextmanager
    async def listening(self, replies: Replies) -> AsyncIterator[None]:
        """Every reply that the mock receives is heard for the length of the block. Raises `Failed`."""
        import httpx

        began = asyncio.Event()
        task = asyncio.create_task(self._listen(replies, began))
        waiting = asyncio.create_task(began.wait())
        await asyncio.wait([task, waiting], timeout=LISTENING, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not began.is_set():
            task.cancel()
            raise Failed(f"the mock at {self._url} streams no events", "start `iteira mock` of this version there")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, httpx.HTTPError):
                await task

    async def _listen(self, replies: Replies, began: asyncio.Event) -> None:
        import httpx

        url = f"{self._url}/stream"
        async with self._http.stream("GET", url, params={"kind": "reply"}, timeout=httpx.Timeout(None)) as stream:
            async for line in stream.raise_for_status().aiter_lines():
                began.set()
                if line.startswith("data: "):
                    replies.take(_heard(json.loads(line[6:])))


def _heard(event: Mapping[str, Any]) -> Heard:
    from mock_server.verdict import Heard

    return Heard(event["token"], event["text"], event["at"], event["confirmed"], event["request_id"] or "")
