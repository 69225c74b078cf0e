"""The consultant that needs nobody: it answers from the knowledge base with the row that fits best."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from itertools import takewhile

from server.consultant import rows
from server.consultant.base import Decision, EndConversation, Inquiry, TransferToOperator
from server.consultant.choice import candidates, services
from server.consultant.intents import Intent, greets, intent
from server.consultant.names import introduced
from server.consultant.phrases import Phrases
from server.knowledge.base import Document
from server.knowledge.confidence import SURE
from server.knowledge.price import asks_cheap, asks_duration, asks_price

Parts = Iterator[str | Decision]

HOW_TO_CHANGE = re.compile(r"отмен|перен[её]?с", re.IGNORECASE)
HOW_TO_BOOK = re.compile(r"^(?!.*(?:отмен|перен[её]?с|без запис)).*запис[аиь]", re.IGNORECASE)
PATIENCE = 2
"""Questions in a row that stay without an answer; at the next one a human takes over."""


class OfflineConsultant:
    """What a new user runs first, and what callers get while the provider is down.

    `min_confidence` (0 to 1) is the confidence of a search from which on its best row is spoken of: between it and
    `SURE` the caller is asked whether he means it, above that it is told.
    """

    name = "offline"

    def __init__(self, phrases: Phrases, min_confidence: float) -> None:
        self._phrases, self._min_confidence = phrases, min_confidence
        self._sure = max(SURE, min_confidence)
        self._said = {
            Intent.THANKS: f"Пожалуйста! {phrases.again}",
            Intent.ROBOT: phrases.robot,
            Intent.HEARING: phrases.hearing,
            Intent.MANIPULATION: phrases.irrelevant,
            Intent.OTHERS: f"{phrases.others} {phrases.offer}",
            Intent.SWEARING: f"{phrases.calm} {phrases.offer}",
            Intent.CONTACT: f"{phrases.contact} {phrases.offer}",
        }

    async def reply(self, inquiry: Inquiry) -> AsyncGenerator[str | Decision, None]:
        client = introduced(inquiry.text)
        if client:
            yield client
        for part in self._parts(inquiry, client.name if client else None):
            yield part

    async def close(self) -> None: ...

    def _parts(self, inquiry: Inquiry, name: str | None) -> Parts:
        match meant := intent(inquiry.text):
            case Intent.EMERGENCY | Intent.TROUBLE | Intent.OPERATOR:
                words = {Intent.EMERGENCY: self._phrases.emergency, Intent.TROUBLE: self._phrases.sorry}
                yield from self._handed_over(words.get(meant, ""), meant.name.lower())
            case Intent.GOODBYE:
                yield from self._goodbye()
            case Intent.GREETING | Intent.INTRODUCTION:
                yield self._greeting(inquiry, name)
            case Intent.REPEAT:
                yield _last_reply(inquiry) or self._phrases.hearing
            case Intent.YES:
                yield from self._agreed(inquiry)
            case Intent.NO:
                yield from self._denied(inquiry)
            case Intent.APPOINTMENT:
                yield self._appointment(inquiry)
            case Intent.QUESTION:
                yield from self._question(inquiry, name)
            case _:
                yield self._said[meant]

    def _handed_over(self, words: str, reason: str) -> Parts:
        yield f"{words} {self._phrases.transfer}".strip()
        yield TransferToOperator(reason)

    def _goodbye(self) -> Parts:
        yield self._phrases.farewell
        yield EndConversation()

    def _greeting(self, inquiry: Inquiry, name: str | None) -> str:
        if name:
            hello = "Здравствуйте! " if greets(inquiry.text) or not inquiry.history else ""
            return f"{hello}{self._phrases.pleased(name)}"
        if inquiry.history:
            return f"Здравствуйте! {self._phrases.again}"
        known = inquiry.session.client_name
        return self._phrases.greeted(known) if known else self._phrases.greeting

    def _agreed(self, inquiry: Inquiry) -> Parts:
        """To what was asked last."""
        last, found = _last_reply(inquiry), _documents(inquiry)
        if self._phrases.offer in last:
            yield from self._handed_over("", "agreed to it")
        elif found and (self._phrases.has_guessed(last) or self._phrases.which in last):
            named = (document for document in found if rows.title(document).rstrip("?").lower() in last.lower())
            yield rows.told(next(named, found[0]), inquiry.findings.query)
        else:
            yield self._phrases.again

    def _denied(self, inquiry: Inquiry) -> Parts:
        last = _last_reply(inquiry)
        if self._phrases.has_guessed(last):
            yield self._phrases.other_words
        elif last.endswith(self._phrases.again):
            yield from self._goodbye()
        else:
            yield f"Хорошо. {self._phrases.again}"

    def _appointment(self, inquiry: Inquiry) -> str:
        """What the files say of appointments; whether there is one on a day, only the administrator knows."""
        found = _documents(inquiry)
        if asks_price(inquiry.text) and inquiry.findings.confidence >= self._sure:
            return f"{self._found(inquiry)} {self._phrases.appointment} {self._phrases.offer}"
        about = HOW_TO_CHANGE if HOW_TO_CHANGE.search(inquiry.text) else HOW_TO_BOOK
        fitting = next((document for document in found if about.search(rows.title(document))), None)
        known = rows.told(fitting, inquiry.text) if fitting else self._phrases.appointment
        return f"{known} {self._phrases.offer}"

    def _question(self, inquiry: Inquiry, name: str | None) -> Parts:
        polite = "Здравствуйте! " if greets(inquiry.text) else ""
        polite += f"Очень приятно, {name}! " if name else ""
        if inquiry.findings.results and inquiry.findings.confidence >= self._min_confidence:
            yield polite + self._found(inquiry)
        else:
            yield from self._not_found(inquiry, polite)

    def _found(self, inquiry: Inquiry) -> str:
        """The answer, or the services that the question names equally well, or a question back."""
        text, findings = inquiry.text, inquiry.findings
        alike = services(findings, text)
        if len(alike) > 1:
            ordered = sorted(alike, key=rows.price) if asks_cheap(text) else alike
            return f"{rows.briefly(ordered[:3], how_long=asks_duration(text))} {self._phrases.which}"
        first = alike[0] if alike else findings.results[0].document
        spoken_of = rows.title(first).lower() in _last_reply(inquiry).lower()
        if findings.confidence >= self._sure or spoken_of:
            return rows.told(first, text)
        meant = alike or candidates(findings)
        return self._phrases.asked_back([rows.title(each) for each in meant], question=rows.is_question(first))

    def _not_found(self, inquiry: Inquiry, polite: str) -> Parts:
        replies = [exchange.reply for exchange in reversed(inquiry.history)]
        before = len(list(takewhile(self._phrases.has_given_no_answer, replies)))
        if before >= PATIENCE:
            yield from self._handed_over(self._phrases.given_up, "no answer in the knowledge base")
        else:
            yield polite + (self._phrases.unknown_again if before else self._phrases.unknown)


def _documents(inquiry: Inquiry) -> list[Document]:
    return [finding.document for finding in inquiry.findings.results]


def _last_reply(inquiry: Inquiry) -> str:
    return inquiry.history[-1].reply if inquiry.history else ""
