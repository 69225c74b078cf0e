"""TalkMe's three calls of a bot, as strict as the real ones.

The rule of errors: whatever a call refuses (token missing, short or unknown; body not JSON or wrong; text blank
or too long; unknown finish code; a dialog that the bot has left) is answered with HTTP 200 and
`{"success": false, "error": {"descr": …}}`. Only a body over the limit (413) and a wrong path or method (404,
405) are answered by HTTP's own means.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, StrictInt, StringConstraints
from starlette.exceptions import HTTPException

from mock_server.calls import MIN_TOKEN, Call, Calls, FinishCode, Refused
from mock_server.faulty_talkme import UNCONFIRMED

MAX_TEXT = 4_000
"""Characters of one send."""
MAX_TTL = 3_600
"""Seconds."""

EXPECTED = {
    "X-Token": f"Неверный токен (X-Token): ожидается заголовок не короче {MIN_TOKEN} символов",
    "ttl": f"ttl: ожидается целое число секунд от 1 до {MAX_TTL}",
    "content": 'content: ожидается объект {"text": …}',
    "content.text": f"content.text: ожидается непустой текст не длиннее {MAX_TEXT} символов",
    "code": f"code: ожидается {', '.join(FinishCode)}",
}
NOT_JSON = "Тело запроса: ожидается объект JSON (Content-Type: application/json)"


class Typing(BaseModel):
    ttl: Annotated[StrictInt, Field(ge=1, le=MAX_TTL, description="Seconds to show «печатает…»")]


class Content(BaseModel):
    # Not stripped: what was sent is what is kept. `\S` alone refuses blank text.
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=r"\S")]


class Send(BaseModel):
    content: Content


class Finish(BaseModel):
    code: FinishCode


class Failure(BaseModel):
    descr: str


class Answer(BaseModel):
    """`result` where `success`, else `error`."""

    success: bool = True
    result: dict[str, int] | None = None
    error: Failure | None = None


class TalkMeRoute(APIRoute):
    """Answers every refusal in TalkMe's form, and keeps it with the call it was meant for."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_refuse(request: Request) -> Response:
            try:
                return await handle(request)
            except (Refused, RequestValidationError, HTTPException) as error:
                why = _describe(error)
            token, request_id = (request.headers.get(name) for name in ("x-token", "x-request-id"))
            received(request).refused(token or "", f"{self.path.lstrip('/')}: {why}", request_id)
            answer = Answer(success=False, error=Failure(descr=why))
            return JSONResponse(answer.model_dump(exclude_none=True))

        return handle_or_refuse


def _describe(error: Exception) -> str:
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, RequestValidationError):
        where = ".".join(str(part) for part in error.errors()[0]["loc"][1:])
        return EXPECTED.get(where, NOT_JSON)
    if isinstance(error, HTTPException) and error.status_code == 400:  # FastAPI could not read the body at all
        return NOT_JSON
    raise error


def received(request: Request) -> Calls:
    """What this mock has received."""
    calls: Calls = request.app.state.calls
    return calls


def spoken_to(
    calls: Annotated[Calls, Depends(received)],
    x_token: Annotated[str, Header(alias="X-Token", min_length=MIN_TOKEN, description="`token` of the webhook")],
) -> Call:
    """The dialog that the token stands for."""
    return calls.of_token(x_token)


Received = Annotated[Calls, Depends(received)]
Dialog = Annotated[Call, Depends(spoken_to)]
RequestId = Annotated[str | None, Header(alias="X-Request-ID")]

router = APIRouter(prefix="/customBot", tags=["TalkMe"], route_class=TalkMeRoute, default_response_class=JSONResponse)


@router.post("/simulateTyping", response_model_exclude_none=True)
async def simulate_typing(calls: Received, call: Dialog, body: Typing, request_id: RequestId = None) -> Answer:
    """Show the caller that a reply is being written."""
    calls.typing(call, body.ttl, request_id)
    return Answer(result={})


@router.post("/send", response_model_exclude_none=True)
async def send(request: Request, calls: Received, call: Dialog, body: Send, request_id: RequestId = None) -> Answer:
    """Say a text to the caller. Refused once the bot has left the dialog, until the caller speaks again."""
    confirmed = not getattr(request.state, UNCONFIRMED, False)
    calls.reply(call, body.content.text, request_id, confirmed=confirmed)
    return Answer(result={})


@router.post("/finish", response_model_exclude_none=True)
async def finish(calls: Received, call: Dialog, body: Finish, request_id: RequestId = None) -> Answer:
    """Leave the dialog: done, to be taken over by an operator, or none of ours."""
    calls.finish(call, body.code, request_id)
    return Answer(result={})
