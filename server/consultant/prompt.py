"""From an inquiry to the messages and functions that a model gets."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from server.consultant.base import Inquiry

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

SYSTEM = Path(__file__).parent / "prompts" / "system.md"
MONTHS = (
    *("января", "февраля", "марта", "апреля", "мая", "июня"),
    *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
)
DAYS = ("понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье")


class Prompt:
    """The company's words around an inquiry. Knowledge rows and the caller's words go in as data."""

    def __init__(self, company: str, about: str) -> None:
        self._company, self._about = company, about
        self._system = Template(SYSTEM.read_text(encoding="utf-8"))

    def messages(self, inquiry: Inquiry, today: datetime) -> list[ChatCompletionMessageParam]:
        """The system's message, the conversation so far, and what the caller says now."""
        messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": self._instructions(inquiry, today)}]
        for exchange in inquiry.history:
            messages.append({"role": "user", "content": exchange.text})
            messages.append({"role": "assistant", "content": exchange.reply})
        messages.append({"role": "user", "content": inquiry.text})
        return messages

    def _instructions(self, inquiry: Inquiry, today: datetime) -> str:
        rows = [_as_data(finding.document.text) for finding in inquiry.findings.results]
        return self._system.substitute(
            company=self._company,
            about=self._about,
            today=f"{DAYS[today.weekday()]}, {today.day} {MONTHS[today.month - 1]} {today.year} года",
            client=_client(inquiry),
            confidence=f"{inquiry.findings.confidence:.2f}",
            knowledge="\n---\n".join(rows) or "ничего не найдено",
        )


def _client(inquiry: Inquiry) -> str:
    session = inquiry.session
    known = []
    if session.client_name:
        known.append(f"Имя клиента: {_as_data(session.client_name)}.")
    if session.gender:
        known.append("Клиент — женщина." if session.gender == "female" else "Клиент — мужчина.")
    return " ".join(known) or "Имя клиента пока неизвестно."


def _as_data(text: str) -> str:
    """Text that cannot close the brackets it stands in."""
    return text.replace("<", "‹").replace(">", "›")


def _function(title: str, description: str, /, **properties: dict[str, object]) -> ChatCompletionToolParam:
    return {
        "type": "function",
        "function": {
            "name": title,
            "description": description,
            "parameters": {"type": "object", "properties": properties, "additionalProperties": False},
        },
    }


FUNCTIONS = [
    _function("end_conversation", "Клиент прощается: закончить разговор после ответа."),
    _function("transfer_to_operator", "Передать разговор человеку после ответа.", reason={"type": "string"}),
    _function(
        "remember_client",
        "Запомнить, как зовут клиента и какого он пола.",
        name={"type": "string", "description": "Имя в именительном падеже."},
        gender={"type": "string", "enum": ["female", "male"]},
    ),
    _function("irrelevant", "Обращение не имеет отношения к компании."),
]
"""The decisions of a consultant as functions of the model."""
