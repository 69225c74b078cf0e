"""The consultant that needs nobody: it answers from the knowledge base with the row that fits best."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from itertools import takewhile

from server.consultant import rows
from server.consultant.audience import Audience, audiences, meant_for, suits
from server.consultant.base import Decision, EndConversation, Inquiry, TransferToOperator
from server.consultant.choice import candidates, names_fully, services, several, spoken_of, unwanted
from server.consultant.concerns import answering, concerns
from server.consultant.intents import Intent, greets, intent
from server.consultant.names import introduced
from server.consultant.phrases import THIS, WHICH_OF, Phrases
from server.consultant.picks import is_choice, picked
from server.knowledge.base import Document
from server.knowledge.confidence import SURE
from server.knowledge.price import asks_cheap, asks_cost, asks_duration, asks_price, has_price
from server.knowledge.words import lemmas

Parts = Iterator[str | Decision]

HOW_TO_CHANGE = re.compile(r"отмен|перен[её]?с", re.IGNORECASE)
HOW_TO_BOOK = re.compile(r"^(?!.*(?:отмен|перен[её]?с|без запис)).*запис[аиь]", re.IGNORECASE)
BESIDE_EACH_OTHER = 4
"""Services of one kind whose prices are told one by one; of more the least and the highest is."""
SAYING_AGAIN = frozenset({Intent.REPEAT, Intent.HEARING})
"""After these a reply is only said again: that it gave no answer counts once."""
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
            Intent.LATER: f"{phrases.later} {phrases.again}",
            Intent.UNCLEAR: phrases.unclear,
        }

    async def reply(self, inquiry: Inquiry) -> AsyncGenerator[str | Decision, None]:
        client = introduced(inquiry.text)
        if client:
            yield client
        chosen = self._chosen(inquiry)
        parts = self._parts(inquiry, client.name if client else None)
        for part in [self._told_or_named(chosen, inquiry.text)] if chosen else parts:
            yield part

    async def close(self) -> None: ...

    def _parts(self, inquiry: Inquiry, name: str | None) -> Parts:
        match meant := intent(inquiry.text):
            case Intent.EMERGENCY | Intent.TROUBLE | Intent.OPERATOR:
                words = {Intent.EMERGENCY: self._phrases.emergency, Intent.TROUBLE: self._phrases.sorry}
                yield from self._handed_over(words.get(meant, ""), meant.name.lower())
            case Intent.GOODBYE | Intent.WRONG_NUMBER:
                yield from self._goodbye(self._phrases.wrong_number if meant is Intent.WRONG_NUMBER else "")
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
                yield self._said.get(meant) or self._named(inquiry)

    def _handed_over(self, words: str, reason: str) -> Parts:
        yield f"{words} {self._phrases.transfer}".strip()
        yield TransferToOperator(reason)

    def _goodbye(self, words: str = "") -> Parts:
        yield f"{words} {self._phrases.farewell}".strip()
        yield EndConversation()

    def _named(self, inquiry: Inquiry) -> str:
        return f"{self._phrases.named(inquiry.session.client_name)} {self._phrases.again}"

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
        elif found and last.endswith(self._phrases.which):
            yield self._phrases.which_exactly
        elif found and self._phrases.has_guessed(last):
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

    def _chosen(self, inquiry: Inquiry) -> list[Document]:
        """What is chosen of what the last reply has named, which is found again in the order in which it was."""
        if not is_choice(inquiry.text, _last_reply(inquiry)):
            return []
        last, asked = inquiry.history[-1].reply, inquiry.history[-1].text
        if WHICH_OF in last or THIS in last:
            titles = {rows.title(one).rstrip("?"): one for one in reversed(_documents(inquiry))}
            named = sorted((title for title in titles if f"«{title}»" in last), key=last.find)
            return picked(inquiry.text, [titles[title] for title in named])
        if not inquiry.findings.results:
            return []
        return picked(inquiry.text, _ordered(services(inquiry.findings, asked), inquiry.findings.query))

    def _told_or_named(self, documents: list[Document], text: str) -> str:
        if len(documents) == 1:
            return rows.told(documents[0], text)
        how_long = asks_duration(text) and not asks_cost(text)
        if len(documents) > BESIDE_EACH_OTHER and not how_long:
            return f"{rows.together(documents)} {self._phrases.which}"
        return f"{rows.briefly(documents, how_long=how_long)} {self._phrases.which}"

    def _question(self, inquiry: Inquiry, name: str | None) -> Parts:
        polite = "Здравствуйте! " if greets(inquiry.text) else ""
        polite += f"Очень приятно, {name}! " if name else ""
        known = inquiry.findings.confidence >= self._min_confidence
        if asked := concerns(inquiry.text, [exchange.text for exchange in inquiry.history]):
            service = spoken_of(inquiry.findings)
            said = answering(_documents(inquiry), inquiry.findings.query, inquiry.text, asked, service)
            if said or known or service:
                yield polite + (said or f"{self._phrases.not_certain} {self._phrases.offer}")
                return
        if inquiry.findings.results and (known or names_fully(inquiry.findings) or self._refuses(inquiry)):
            yield polite + self._found(inquiry)
        else:
            yield from self._not_found(inquiry, polite)

    def _refuses(self, inquiry: Inquiry) -> bool:
        """Whether it says what a service that was named shall not be."""
        return bool(unwanted(inquiry.text) and services(inquiry.findings, inquiry.text))

    def _found(self, inquiry: Inquiry) -> str:
        """The answer, or the services that the question names equally well, or a question back."""
        text, findings = inquiry.text, inquiry.findings
        replies = [exchange.reply for exchange in reversed(inquiry.history)]
        if asks_price(text) and (both := several(findings, replies)):
            return rows.briefly(both, how_long=False)
        alike = _ordered(services(findings, text), findings.query)
        if len(alike) > 1 and not any(suits(one, findings.query) for one in alike):
            return self._for_others(alike, findings.query)
        if len(alike) > 1:
            return self._told_or_named(alike, text)
        first = alike[0] if alike else findings.results[0].document
        if has_price(first) and not suits(first, findings.query):
            return self._for_others([first], findings.query)
        just_named = rows.title(first).lower() in _last_reply(inquiry).lower()
        if findings.confidence >= self._sure or just_named or (alike and names_fully(findings)):
            return " ".join([rows.told(first, text), *_beside(first, inquiry)])
        meant = alike or candidates(findings)
        return self._phrases.asked_back([rows.title(each) for each in meant])

    def _for_others(self, services: list[Document], query: str) -> str:
        """There is such a thing, but not for whom it is asked."""
        if Audience.ANIMALS in audiences(query):
            return f"{self._phrases.others_only} {self._phrases.offer}"
        theirs = next(iter(meant_for(services[0])))
        asked = next(iter(audiences(query)), None)
        told = rows.briefly(services[:BESIDE_EACH_OTHER], how_long=False)
        return self._phrases.for_others(told, theirs.value, asked.value if asked else "других")

    def _not_found(self, inquiry: Inquiry, polite: str) -> Parts:
        asked = (one for one in reversed(inquiry.history) if intent(one.text) not in SAYING_AGAIN)
        replies = (exchange.reply for exchange in asked)
        before = len(list(takewhile(self._phrases.has_given_no_answer, replies)))
        if before >= PATIENCE:
            yield from self._handed_over(self._phrases.given_up, "no answer in the knowledge base")
        else:
            yield polite + (self._phrases.unknown_again if before else self._phrases.unknown)


def _ordered(services: list[Document], query: str) -> list[Document]:
    """As the files have them, or the cheapest first where that is asked."""
    return sorted(services, key=rows.price)[:BESIDE_EACH_OTHER] if asks_cheap(query) else services


def _beside(service: Document, inquiry: Inquiry) -> Iterator[str]:
    """What a question of the files says of the circumstance that is asked with a service: «с выездом на дом»."""
    if not has_price(service):
        return
    left = set(lemmas(inquiry.findings.query)) - set(lemmas(service.text))
    for document in _documents(inquiry):
        asked = set(lemmas(rows.title(document))) if rows.is_question(document) else set()
        if left & asked and left <= set(lemmas(document.text)):
            yield rows.told(document, "")
            return


def _documents(inquiry: Inquiry) -> list[Document]:
    return [finding.document for finding in inquiry.findings.results]


def _last_reply(inquiry: Inquiry) -> str:
    return inquiry.history[-1].reply if inquiry.history else ""
