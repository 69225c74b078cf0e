"""A model provider to practise on: OpenAI's chat completions, embeddings and models, good enough for its own client.

Any key of at least one character is taken. Every model name is known. Tokens are words with the blank before them, and
what `usage` says is counted so.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import secrets
import time
from array import array
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from mock_server.faults import Fault, Side
from mock_server.faulty_talkme import HANG_UP, gone, hang_up
from mock_server.model_answers import INVENTED, Answer, FunctionCall, Script, by_itself, words
from mock_server.openai_requests import Completion, Embedding, Tool

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request's body: a prompt with a long dialog is longer than anything that TalkMe sends."""
MODELS = ("iteira-mock", "iteira-mock-embedding")
FIRST_TOKEN, TOKENS_PER_SECOND = 0.05, 200.0
TOKEN = re.compile(r"\s*\S+|\s+$")
ARGUMENT_PIECE = 8
"""Characters of a function's arguments that come in one chunk."""

HANGING_UP = 10.0
"""Seconds that closing a connection takes at the very most."""
BREAKS = {"model_stall", "model_cut", "model_json"}
"""Faults that come in the middle of an answer."""

KINDS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
"""`type` and `code` of an error, by status; of all others `server_error`."""


@dataclass(slots=True)
class Model:
    """How the provider answers: what it says, and how fast (`first_token` in seconds)."""

    script: Script = field(default_factory=Script)
    first_token: float = FIRST_TOKEN
    tokens_per_second: float = TOKENS_PER_SECOND


class ProviderError(Exception):
    """Answered in the form of the API, with `status`."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param = status, param

    def response(self) -> JSONResponse:
        kind, code = KINDS.get(self.status, ("server_error", None))
        error = {"message": str(self), "type": kind, "param": self.param, "code": code}
        headers = {"Retry-After": "1"} if self.status == HTTPStatus.TOO_MANY_REQUESTS else None
        return JSONResponse({"error": error}, self.status, headers)


class OpenAIRoute(APIRoute):
    """Wants a key, and answers every refusal in the API's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_refuse(request: Request) -> Response:
            try:
                _check_key(request)
                return await handle(request)
            except ProviderError as error:
                return error.response()
            except RequestValidationError as error:
                problem = error.errors()[0]
                place = ".".join(str(part) for part in problem["loc"][1:])
                return ProviderError(400, f"{place or 'body'}: {problem['msg']}", place or None).response()
            except HTTPException as error:
                return ProviderError(error.status_code, str(error.detail)).response()

        return handle_or_refuse


router = APIRouter(prefix="/v1", tags=["Model provider"], route_class=OpenAIRoute)


def _check_key(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise ProviderError(401, "You didn't provide an API key: expected the header Authorization: Bearer KEY")


@router.get("/models")
async def models() -> dict[str, Any]:
    """The models there are, though any other name is taken too."""
    return {"object": "list", "data": [_model(name) for name in MODELS]}


@router.get("/models/{name}")
async def model(name: str) -> dict[str, Any]:
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "iteira"}


@router.post("/embeddings")
async def embeddings(wanted: Embedding) -> dict[str, Any]:
    """Vectors of length 1: texts that share words are near each other, which is all that is promised."""
    data = []
    for index, text in enumerate(wanted.texts):
        vector = _vector(text, wanted.dimensions)
        packed = base64.b64encode(vector.tobytes()).decode()
        data.append(
            {
                "object": "embedding",
                "index": index,
                "embedding": packed if wanted.encoding_format == "base64" else vector.tolist(),
            }
        )
    tokens = sum(len(_tokens(text)) for text in wanted.texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": wanted.model, "usage": usage}


def _vector(text: str, dimensions: int) -> array[float]:
    vector = array("f", bytes(4 * dimensions))
    for word in re.findall(r"\w+", text.lower()) or [""]:
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        vector[int.from_bytes(digest[:7]) % dimensions] += 1 if digest[7] % 2 else -1
    length = sum(value * value for value in vector) ** 0.5 or 1.0
    return array("f", (value / length for value in vector))


@router.post("/chat/completions", response_model=None)
async def complete(wanted: Completion, request: Request) -> Response | dict[str, Any]:
    """One completion, whole or as a stream of server-sent events."""
    model: Model = request.app.state.model
    fault: Fault | None = request.app.state.faults.draw(Side.MODEL)
    answer = await _disturbed(_answer(model, wanted), fault, request, model)
    if answer.status:
        raise ProviderError(answer.status, answer.text or HTTPStatus(answer.status).phrase)
    writing = _Writing(model, wanted, answer, fault)
    if wanted.stream:
        return StreamingResponse(writing.stream(request), media_type="text/event-stream")
    if fault and fault.name in BREAKS:
        return Response('{"id": "chatcmpl-', media_type="application/json")
    return await writing.whole()


async def _disturbed(answer: Answer, fault: Fault | None, request: Request, model: Model) -> Answer:
    """What a fault makes of an answer before its first token."""
    match fault:
        case Fault(name="model_500" | "model_429"):
            return Answer(status=int(fault.name.removeprefix("model_")), text="This went wrong on purpose")
        case Fault(name="model_timeout"):
            await gone(request.receive, fault.seconds)
            await hang_up(request.scope, request.receive)
        case Fault(name="model_slow"):
            first = model.first_token if answer.first_token is None else answer.first_token
            return answer.model_copy(update={"first_token": first + fault.seconds})
        case Fault(name="model_invent"):
            return answer.model_copy(update={"text": f"{answer.text} {INVENTED}".strip()})
    return answer


def _answer(model: Model, wanted: Completion) -> Answer:
    messages = [{"role": message.role, "content": message.text} for message in wanted.messages]
    said = next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")
    answer = model.script.answer(words(said)) or by_itself(messages, wanted.functions)
    forced = wanted.tool_choice.function.name if isinstance(wanted.tool_choice, Tool) else None
    if forced and all(call.name != forced for call in answer.call):
        answer = answer.model_copy(update={"text": "", "call": [FunctionCall(name=forced)]})
    return answer


class _Writing:
    """One answer on its way to who asked."""

    def __init__(self, model: Model, wanted: Completion, answer: Answer, fault: Fault | None) -> None:
        self._wanted, self._answer, self._fault = wanted, answer, fault
        self._first = model.first_token if answer.first_token is None else answer.first_token
        self._pace = answer.tokens_per_second or model.tokens_per_second
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._began = time.monotonic()
        self._written = 0

    async def whole(self) -> dict[str, Any]:
        for _ in self._pieces():
            await self._next()
        message: dict[str, Any] = {"role": "assistant", "content": self._answer.text or None, "refusal": None}
        if self._answer.call:
            message["tool_calls"] = [
                {"id": self._call_id(index), "type": "function", "function": _called(call)}
                for index, call in enumerate(self._answer.call)
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._reason()}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage()}

    async def stream(self, request: Request) -> AsyncIterator[str]:
        yield self._event({"role": "assistant", "content": ""})
        pieces = self._pieces()
        for number, delta in enumerate(pieces):
            await self._next()
            if self._fault and self._fault.name in BREAKS and number == len(pieces) // 2:
                yield await self._break(self._fault, request)
            yield self._event(delta)
        yield self._event({}, self._reason())
        if self._wanted.stream_options and self._wanted.stream_options.include_usage:
            yield _data({**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage()})
        yield "data: [DONE]\n\n"

    async def _break(self, fault: Fault, request: Request) -> str:
        """What comes in the middle of a disturbed stream. The client's leaving ends a stream that stalls."""
        if fault.name == "model_json":
            return 'data: {"id": "chatcmpl-\n\n'
        if fault.name == "model_stall":
            await asyncio.sleep(fault.seconds)
        request.scope["extensions"][HANG_UP]()
        await asyncio.sleep(HANGING_UP)  # the response ends with its connection
        return ""

    def _pieces(self) -> list[dict[str, Any]]:
        """The deltas, each a token or as much of a function call."""
        pieces: list[dict[str, Any]] = [{"content": token} for token in _tokens(self._answer.text)]
        for index, call in enumerate(self._answer.call):
            name, arguments = _called(call).values()
            start = {"index": index, "id": self._call_id(index), "type": "function"}
            pieces.append({"tool_calls": [{**start, "function": {"name": name, "arguments": ""}}]})
            for at in range(0, len(arguments), ARGUMENT_PIECE):
                part = {"arguments": arguments[at : at + ARGUMENT_PIECE]}
                pieces.append({"tool_calls": [{"index": index, "function": part}]})
        return pieces

    async def _next(self) -> None:
        """Until the next token is due: counted from the beginning, so that small delays do not add up."""
        due = self._began + self._first + self._written / self._pace
        self._written += 1
        await asyncio.sleep(max(due - time.monotonic(), 0))

    def _event(self, delta: dict[str, Any], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _data({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._wanted.model}

    def _call_id(self, index: int) -> str:
        return f"call_{self._id[-12:]}{index}"

    def _reason(self) -> str:
        return "tool_calls" if self._answer.call else "stop"

    def _usage(self) -> dict[str, int]:
        asked = sum(len(_tokens(message.text)) for message in self._wanted.messages)
        written = len(self._pieces())
        return {"prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written}


def _called(call: FunctionCall) -> dict[str, str]:
    return {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}


def _tokens(text: str) -> Sequence[str]:
    return TOKEN.findall(text)


def _data(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"
