"""The decisions of a model: functions that it calls, in pieces, beside its words."""

from __future__ import annotations

import logging
import re
from typing import Any

import orjson

from server.consultant.base import Decision, EndConversation, Irrelevant, RememberClient, TransferToOperator
from server.consultant.completion import CompletionFailed
from server.consultant.prompt import FUNCTIONS
from server.text import clean

log = logging.getLogger(__name__)

NAMES = frozenset(each["function"]["name"] for each in FUNCTIONS if each["type"] == "function")
NAME = re.compile(r"[^\W\d_]{2,30}(?:[ -][^\W\d_]{2,30}){0,2}")
"""What may be remembered as a name, and spoken later: up to three words without digits or signs."""
MOST_CALLS = 16
"""Of functions in one answer: there are four of them, and none is of any use twice."""
CALL_LENGTH = 4000
"""Characters of one call, with its arguments: as long as the longest answer."""


class FunctionCalls:
    """The calls of one answer. A piece belongs to the call of its `index`, which some providers leave out or do not
    count up: another `id` begins another call, and so does the name of another function."""

    def __init__(self) -> None:
        self._begun: list[_Call] = []
        self._latest: dict[str, _Call] = {}

    def add(self, part: dict[str, Any]) -> None:
        """One piece, as the provider sends it. Raises `CompletionFailed` for more than any answer has."""
        index = str(part.get("index"))
        call = self._latest.get(index)
        if call is None or call.is_another(part):
            call = self._latest[index] = _Call()
            self._begun.append(call)
        call.add(part)
        if len(self._begun) > MOST_CALLS:
            raise CompletionFailed(f"more than {MOST_CALLS} functions were called", passing=False)

    def decisions(self) -> list[Decision]:
        """All that the model made. What it made up is told once, however many functions that are."""
        decided = [(call.name, call.decision()) for call in self._begun]
        if made_up := [name for name, decision in decided if decision is None]:
            log.warning("the model called functions that do not exist: %d, the first %r", len(made_up), made_up[0][:50])
        return [decision for _, decision in decided if decision]


class _Call:
    def __init__(self) -> None:
        self._id = self.name = self._arguments = ""

    def is_another(self, part: dict[str, Any]) -> bool:
        """Whether the piece is of another call than this one."""
        other, name = str(part.get("id") or ""), _said(part, "name")
        has_another_name = name in NAMES and self.name in NAMES and name != self.name
        return has_another_name or bool(other and self._id and other != self._id)

    def add(self, part: dict[str, Any]) -> None:
        self._id = self._id or str(part.get("id") or "")
        name = _said(part, "name")
        self.name = name if name in NAMES else self.name + name  # some providers repeat it with each piece
        self._arguments += _said(part, "arguments")
        if len(self.name) + len(self._arguments) > CALL_LENGTH:
            raise CompletionFailed(f"a call did not end within {CALL_LENGTH} characters", passing=False)

    def decision(self) -> Decision | None:
        """The decision that the model made; None if it made up a function."""
        arguments = self._parsed()
        match self.name:
            case "end_conversation":
                return EndConversation()
            case "transfer_to_operator":
                return TransferToOperator(str(arguments.get("reason", "")))
            case "irrelevant":
                return Irrelevant()
            case "remember_client":
                return _client(arguments)
        return None

    def _parsed(self) -> dict[str, object]:
        try:
            arguments = orjson.loads(self._arguments or "{}")
        except ValueError:
            return {}
        return arguments if isinstance(arguments, dict) else {}


def _said(part: dict[str, Any], what: str) -> str:
    function = part.get("function")
    return str(function.get(what) or "") if isinstance(function, dict) else ""


def _client(arguments: dict[str, object]) -> RememberClient:
    name, gender = arguments.get("name"), arguments.get("gender")
    return RememberClient(
        clean(name) if isinstance(name, str) and NAME.fullmatch(clean(name)) else None,
        gender if isinstance(gender, str) and gender in {"female", "male"} else None,
    )
