"""Events as they happen, as server-sent events: of one call for a page, of all calls for a load."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from mock_server.calls import Call, Calls, Kind
from mock_server.calls_api import Known
from mock_server.talkme_api import Received

PULSE = 15.0
"""Seconds after which a silent stream says that it is still there."""

router = APIRouter(tags=["Streams"])


@router.get("/stream")
async def stream_all(calls: Received, kind: Annotated[list[Kind] | None, Query()] = None) -> StreamingResponse:
    """Every event of every call from now on, with `call` and `token`; only of some kinds if they are named."""
    return _streaming(_all(calls, frozenset(kind or Kind)))


@router.get("/calls/{call_id}/stream")
async def stream_call(
    calls: Received,
    call: Known,
    after: Annotated[int, Query(ge=0, description="Sequence number already seen")] = 0,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> StreamingResponse:
    """The events of a call, first those that are kept. It ends when the call is forgotten."""
    return _streaming(_one(calls, call, max(after, last_event_id)))


async def _all(calls: Calls, kinds: frozenset[Kind]) -> AsyncIterator[str]:
    yield ": listening\n\n"
    async with aclosing(calls.listen()) as events:
        async for call, event in events:
            if event.kind in kinds:
                yield _data({"call": call.id, "token": call.token, "state": call.state, **asdict(event)})


async def _one(calls: Calls, call: Call, seen: int) -> AsyncIterator[str]:
    while calls.has(call):
        events = await calls.events(call, seen, PULSE)
        for event in events:
            seen = event.seq
            yield f"id: {event.seq}\n{_data({**asdict(event), 'state': call.state})}"
        if not events:
            yield ": still here\n\n"
            await asyncio.sleep(0)


def _data(content: dict[str, object]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"


def _streaming(events: AsyncIterator[str]) -> StreamingResponse:
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
