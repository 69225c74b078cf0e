"""The consultant that needs nobody: it answers from the knowledge base with the row that fits best."""

from __future__ import annotations

from collections.abc import AsyncIterator

from server.consultant.base import Decision, EndConversation, Inquiry, TransferToOperator
from server.consultant.intents import Intent, greets, intent
from server.consultant.names import introduced, without_introduction
from server.consultant.phrases import Phrases
from server.consultant.rows import told


class OfflineConsultant:
    """What a new user runs first, and what callers get while the provider is down.

    `min_confidence` (0 to 1) is the confidence of a search from which on its best row is told.
    """

    name = "offline"

    def __init__(self, phrases: Phrases, min_confidence: float) -> None:
        self._phrases, self._min_confidence = phrases, min_confidence

    async def reply(self, inquiry: Inquiry) -> AsyncIterator[str | Decision]:
        client = introduced(inquiry.text)
        if client:
            yield client
        match intent(inquiry.text):
            case Intent.OPERATOR:
                yield self._phrases.transfer
                yield TransferToOperator("asked for")
            case Intent.GOODBYE:
                yield self._phrases.farewell
                yield EndConversation()
            case Intent.THANKS:
                yield f"Пожалуйста! {self._phrases.again}"
            case Intent.GREETING:
                yield self._greeting(inquiry, client.name if client else None)
            case Intent.QUESTION:
                yield self._answer(inquiry, client.name if client else None)

    async def close(self) -> None: ...

    def _greeting(self, inquiry: Inquiry, name: str | None) -> str:
        if name:
            return f"Здравствуйте! {self._phrases.pleased(name)}"
        return f"Здравствуйте! {self._phrases.again}" if inquiry.history else self._phrases.greeting

    def _answer(self, inquiry: Inquiry, name: str | None) -> str:
        polite = "Здравствуйте! " if greets(inquiry.text) else ""
        if name:
            polite += f"Очень приятно, {name}! "
            if not any(char.isalpha() for char in without_introduction(inquiry.text)):
                return self._phrases.pleased(name)
        findings = inquiry.findings
        if findings.results and findings.confidence >= self._min_confidence:
            return polite + told(findings.results[0].document, inquiry.text)
        return polite + self._phrases.unknown
