"""What an administrator is shown: everything, or, who may only look, nothing of who called and what was said."""

from __future__ import annotations

import re
from functools import singledispatch
from typing import Any, TypeVar

from pydantic import BaseModel

from server.admin.answers import (
    DeadLetter,
    FailedAnswer,
    MessageAnswer,
    SessionAnswer,
    SessionsAnswer,
    SessionWithTranscript,
    WaitingAnswer,
)
from server.admin.auth import Rights
from server.admin.masking import HIDDEN
from server.admin.stats_answer import StatsAnswer
from server.errors import unquoted
from server.observability.about import masked_id

T = TypeVar("T", bound=BaseModel)

BEGINNING = re.compile(r"\+?\d(?:[\s()./-]{0,3}\d){4,}")
"""Of a user id that was cut short: it may be that of a telephone number, which is written in many ways."""


def shown(answer: T, rights: Rights) -> T:
    """The answer as these rights may see it."""
    return answer if rights is Rights.ALL else answer.model_copy(update=_hidden(answer))


@singledispatch
def _hidden(answer: BaseModel) -> dict[str, Any]:
    """The fields that are shown otherwise. Raises `TypeError` for an answer nobody has thought of."""
    raise TypeError(f"nobody has said what of {type(answer).__name__} may be shown")


@_hidden.register
def _(answer: SessionAnswer) -> dict[str, Any]:
    return {
        "user_id": masked_id(answer.user_id),
        "session_id": masked_id(answer.session_id),
        "client_name": answer.client_name and HIDDEN,
        "phone_number": answer.phone_number and HIDDEN,
    }


@_hidden.register
def _(answer: SessionWithTranscript) -> dict[str, Any]:
    lines = [
        line.model_copy(update={"text": HIDDEN, "original": line.original and HIDDEN, "reason": _unquoted(line.reason)})
        for line in answer.transcript
    ]
    return {**_hidden.dispatch(SessionAnswer)(answer), "transcript": lines}


@_hidden.register
def _(answer: SessionsAnswer) -> dict[str, Any]:
    return {"sessions": [shown(each, Rights.LOOK) for each in answer.sessions]}


@_hidden.register
def _(answer: MessageAnswer) -> dict[str, Any]:
    return {"user_id": masked_id(answer.user_id), "reason": _unquoted(answer.reason)}


@_hidden.register
def _(answer: WaitingAnswer) -> dict[str, Any]:
    return {"waiting": [each.model_copy(update={"user_id": masked_id(each.user_id)}) for each in answer.waiting]}


@_hidden.register
def _(answer: DeadLetter) -> dict[str, Any]:
    ids = {"user_id": masked_id(answer.user_id), "session_id": masked_id(answer.session_id)}
    return {**ids, "text": HIDDEN, "reply": answer.reply and HIDDEN, "reason": _unquoted(answer.reason)}


@_hidden.register
def _(answer: FailedAnswer) -> dict[str, Any]:
    return {"failed": [shown(each, Rights.LOOK) for each in answer.failed]}


@_hidden.register
def _(answer: StatsAnswer) -> dict[str, Any]:
    nobody = {"client_name": None, "phone_number": None}
    return {
        "active_sessions_details": [
            each.model_copy(update={"user_id": BEGINNING.sub(HIDDEN, each.user_id), **nobody})
            for each in answer.active_sessions_details
        ],
        "latest_errors": [
            each.model_copy(update={"user_id": BEGINNING.sub(HIDDEN, each.user_id), "reason": _unquoted(each.reason)})
            for each in answer.latest_errors
        ],
    }


def _unquoted(reason: str | None) -> str | None:
    return reason and unquoted(reason)
