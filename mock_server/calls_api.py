"""What the mock offers beside TalkMe's calls: open a dialog, speak in it, read what was received."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from mock_server.calls import MIN_TOKEN, Call, DialogState, Event, TokenRefused
from mock_server.talkme_api import Received, RequestId

MAX_WAIT = 60.0
"""Seconds of one long poll."""


class NewCall(BaseModel):
    """Without a name it is TalkMe's «1 посетитель в …», without a token one of its own."""

    phone: Annotated[str | None, Field(max_length=64)] = None
    name: Annotated[str | None, Field(max_length=256)] = None
    token: Annotated[str | None, Field(min_length=MIN_TOKEN, pattern=r"^[!-~]+$")] = None


class Said(BaseModel):
    text: str


class CallSummary(BaseModel):
    """A dialog, in TalkMe's words where it has one. Times are Unix seconds."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    token: str
    client_id: Annotated[str, Field(serialization_alias="clientId")]
    dialog_id: Annotated[int, Field(serialization_alias="dialogId")]
    search_id: Annotated[int, Field(serialization_alias="searchId")]
    login: str
    name: str
    phone: str | None
    state: DialogState
    opened_at: float
    last_seq: Annotated[int, Field(description="Sequence number of the latest event")]


class CallDetail(CallSummary):
    events: list[Event]


class CallList(BaseModel):
    calls: list[CallSummary]


class Events(BaseModel):
    events: list[Event]


class Cleared(BaseModel):
    cleared_calls: int


def known(calls: Received, call_id: Annotated[int, Path(ge=1)]) -> Call:
    """The call of the path, or 404."""
    if call := calls.get(call_id):
        return call
    raise HTTPException(404, f"No call {call_id}: it was cleared, or dropped as the oldest.")


Known = Annotated[Call, Depends(known)]

router = APIRouter(prefix="/calls", tags=["Calls"])


@router.post("", status_code=201, response_model=CallSummary)
async def open_call(calls: Received, body: NewCall | None = None) -> Call:
    """Open a dialog. Sends with its token are kept with it."""
    wanted = body or NewCall()
    try:
        return calls.open(phone=wanted.phone, name=wanted.name, token=wanted.token)
    except TokenRefused as error:
        raise HTTPException(403, str(error)) from None


@router.get("", response_model=CallList)
async def list_calls(calls: Received) -> dict[str, list[Call]]:
    """The calls kept, oldest first."""
    return {"calls": calls.all()}


@router.delete("")
async def clear_calls(calls: Received) -> Cleared:
    """Forget all calls."""
    return Cleared(cleared_calls=calls.clear())


@router.get("/{call_id}", response_model=CallDetail)
async def show_call(call: Known) -> Call:
    """One call with the events kept of it, oldest first."""
    return call


@router.post("/{call_id}/said", status_code=201)
async def say(calls: Received, call: Known, body: Said, request_id: RequestId = None) -> Event:
    """The caller speaks: the answer holds the `message_id` for the webhook. Opens a finished dialog again."""
    return calls.said(call, body.text, request_id)


@router.get("/{call_id}/events")
async def wait_for_events(
    calls: Received,
    call: Known,
    after: Annotated[int, Query(ge=0, description="Sequence number already seen")] = 0,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT, allow_inf_nan=False, description="Seconds")] = 0,
) -> Events:
    """The events after a sequence number, as soon as there is one; an empty list once `wait` is over."""
    return Events(events=await calls.events(call, after, wait))
