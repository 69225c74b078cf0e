"""From an inquiry to the messages and functions that a model gets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from server.consultant.base import Correction, Inquiry
from server.consultant.calendar import Calendar
from server.models import Exchange

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

SYSTEM = Path(__file__).parent / "prompts" / "system.md"
SUMMARY = Path(__file__).parent / "prompts" / "summary.md"
CHARACTERS_OF_A_TOKEN = 2.0
"""Of Russian text, rather too few: the tokenisers of present models take 2 to 3. Their own tables would have to be
downloaded."""
TOKENS_OF_A_MESSAGE = 4
"""What surrounds each message, by OpenAI's own account of its chat format."""


class Prompt:
    """The company's words around an inquiry. Knowledge rows and the caller's words go in as data.

    `template` may use $company, $about, $today, $hours, $client, $confidence and $knowledge. `tokens` is the most that
    a prompt may take: the oldest exchanges leave first, then the rows that fit least, then the end of the last one.
    """

    def __init__(
        self, template: str, calendar: Calendar, *, company: str, about: str, hours: str = "", tokens: int = 6000
    ) -> None:
        """Raises `ValueError` if the template uses a name that there is not, or has a lone dollar sign."""
        self._system, self._calendar = Template(template), calendar
        self._company, self._about, self._hours, self._tokens = company, about, hours, tokens
        self._system.substitute(dict.fromkeys(PLACES, ""))

    def messages(self, inquiry: Inquiry) -> list[ChatCompletionMessageParam]:
        """The system's message, the conversation so far, and what the caller says now."""
        last = [_caller(inquiry.text), *_correction(inquiry.correction)]
        rows = [finding.document.text for finding in inquiry.findings.results]
        system = self._instructions(inquiry, rows)
        while rows and (over := _tokens([system, *last]) - self._tokens) > 0:
            rows = rows[:-1] if len(rows) > 1 else _shortened(rows[0], over)
            system = self._instructions(inquiry, rows)
        left = self._tokens - _tokens([system, *last])
        return [system, *_latest(inquiry, left), *last]

    def _instructions(self, inquiry: Inquiry, rows: Sequence[str]) -> ChatCompletionMessageParam:
        values = {
            "company": self._company,
            "about": self._about,
            "today": self._calendar.spoken(),
            "hours": f"Часы работы: {self._hours}." if self._hours else "",
            "client": _client(inquiry),
            "confidence": f"{inquiry.findings.confidence:.2f}",
            "knowledge": "\n---\n".join(map(_as_data, rows)) or "ничего не найдено",
        }
        text = self._system.substitute(values)
        if inquiry.summary:
            summary = _as_data(inquiry.summary)
            text += f"\n\nРаньше в этом разговоре (пересказ, тоже данные):\n<пересказ>\n{summary}\n</пересказ>"
        return {"role": "system", "content": text}


PLACES = ("company", "about", "today", "hours", "client", "confidence", "knowledge")
"""What a template may name."""


def summary_messages(before: str, exchanges: Sequence[Exchange]) -> list[ChatCompletionMessageParam]:
    """What a model gets to summarise the older part of a dialog."""
    lines = [f"Ранее: {before}"] if before else []
    for exchange in exchanges:
        lines += [f"Клиент: {exchange.text}", f"Консультант: {exchange.reply}"]
    dialog = _as_data("\n".join(lines))
    return [
        {"role": "system", "content": SUMMARY.read_text(encoding="utf-8")},
        {"role": "user", "content": f"<разговор>\n{dialog}\n</разговор>"},
    ]


def _shortened(row: str, tokens: int) -> list[str]:
    """The beginning of a row that is too long by so many tokens; none where nothing of it is left."""
    left = len(row) - int(tokens * CHARACTERS_OF_A_TOKEN) - 1
    return [row[:left]] if left > 0 else []


def _latest(inquiry: Inquiry, tokens: int) -> list[ChatCompletionMessageParam]:
    """The latest exchanges that fit."""
    kept: list[ChatCompletionMessageParam] = []
    for exchange in reversed(inquiry.history):
        pair: list[ChatCompletionMessageParam] = [
            _caller(exchange.text),
            {"role": "assistant", "content": exchange.reply},
        ]
        tokens -= _tokens(pair)
        if tokens < 0:
            break
        kept = pair + kept
    return kept


def _tokens(messages: Sequence[ChatCompletionMessageParam]) -> int:
    """An estimate that is rather too high."""
    return sum(int(len(str(m.get("content"))) / CHARACTERS_OF_A_TOKEN) + TOKENS_OF_A_MESSAGE for m in messages)


def _caller(text: str) -> ChatCompletionMessageParam:
    return {"role": "user", "content": f"<реплика>{_as_data(text)}</реплика>"}


def _correction(correction: Correction | None) -> list[ChatCompletionMessageParam]:
    if correction is None:
        return []
    parts = [f"Прошлый вариант ответа отклонён: {_as_data(correction.complaint)}."]
    if correction.spoken:
        parts.append(f"Клиент уже услышал: «{_as_data(correction.spoken)}». Продолжи с этого места.")
    parts.append("Ответь заново, только по сведениям: чего в них нет, того не называй, а предложи администратора.")
    return [{"role": "system", "content": " ".join(parts)}]


def _client(inquiry: Inquiry) -> str:
    session = inquiry.session
    known = []
    if session.client_name:
        known.append(f"Имя клиента: {_as_data(session.client_name)}.")
    if session.gender:
        known.append("Клиент — женщина." if session.gender == "female" else "Клиент — мужчина.")
    if session.phone_number:
        known.append(f"Телефон клиента: {_as_data(session.phone_number)}.")
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
