"""The call console: a page to call the daemon from, and what it needs beside the calls themselves."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, StringConstraints

from mock_server.calls import Call, Event
from mock_server.calls_api import CallSummary, Known
from mock_server.speaker import Speaker
from mock_server.talkme_api import MAX_TEXT, Received

PAGE = FilePath(__file__).parent / "page"
KINDS = {".css": "text/css", ".js": "text/javascript"}
FILES = {path.name: KINDS[path.suffix] for path in PAGE.iterdir() if path.suffix in KINDS}
POLICY = {
    # Nothing from elsewhere, and nobody may put the page into one of his own.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}


class Spoken(BaseModel):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]


class Console(BaseModel):
    """Where the page's messages go, and how the daemon there is."""

    daemon: str
    health: Literal["ok", "degraded", "unavailable", "unreachable"]


class Happened(BaseModel):
    """One event of a turn; `seconds` among the details is how long it took."""

    at: str
    event: str
    details: dict[str, str | float | bool | None]


class Turn(BaseModel):
    text: str
    state: str
    timeline: list[Happened]


class Turns(BaseModel):
    turns: list[Turn]


def speaking(request: Request) -> Speaker:
    speaker: Speaker = request.app.state.speaker
    return speaker


Speaks = Annotated[Speaker, Depends(speaking)]
router = APIRouter(tags=["Console"])


@router.get("/", response_class=Response, responses={200: {"content": {"text/html": {}, "application/json": {}}}})
async def index(request: Request) -> Response:
    """The page for a browser; for anybody else every path and its methods."""
    if "text/html" in request.headers.get("accept", ""):
        return FileResponse(PAGE / "console.html", media_type="text/html", headers=POLICY)
    paths = request.app.openapi()["paths"]
    return JSONResponse(
        {"endpoints": {path: [method.upper() for method in methods] for path, methods in paths.items()}}
    )


@router.get("/page/{name}", response_class=FileResponse)
async def page_file(name: str) -> FileResponse:
    """What the page is made of."""
    if name not in FILES:
        raise HTTPException(404, f"No {name}: there are {', '.join(FILES)}.")
    return FileResponse(PAGE / name, media_type=FILES[name], headers=POLICY)


@router.get("/console")
async def console(speaker: Speaks) -> Console:
    """Which daemon is called from here, and whether it answers."""
    health = await speaker.health()
    known = health if health in {"ok", "degraded", "unavailable"} else "unreachable"
    return Console.model_validate({"daemon": speaker.daemon, "health": known})


@router.post("/calls/{call_id}/speak", status_code=202)
async def speak(call: Known, body: Spoken, speaker: Speaks) -> Event:
    """The caller speaks, and the daemon gets the webhook from here; its answer becomes a `webhook` event."""
    return speaker.say(call, body.text)


@router.get("/calls/{call_id}/turns")
async def turns(call: Known, speaker: Speaks) -> Turns:
    """What happened in the daemon with each message of the call, if its administration tells us."""
    return Turns.model_validate({"turns": await speaker.turns(call)})


@router.post("/calls/{call_id}/hang-up", response_model=CallSummary)
async def hang_up(calls: Received, call: Known) -> Call:
    """The caller hangs up: he hears nothing any more."""
    calls.hang_up(call)
    return call
