"""Sentences that are always said in the same words, whoever answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

WHICH_OF = "Уточните, пожалуйста:"
THIS = "Вы спрашиваете"
WHICH = "Что из этого вас интересует?"
LONGEST_HELLO = 20
"""Characters of «Здравствуйте» or «Добрый день», in front of which stands an exclamation mark."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the company says on occasions that need no thinking. All in Russian, as a caller hears them."""

    greeting: str
    farewell: str
    transfer: str = "Соединяю вас с администратором, оставайтесь на линии."
    irrelevant: str = "Извините, с этим я помочь не могу."
    unknown: str = (
        "К сожалению, точного ответа у меня нет. Уточните, пожалуйста, какая услуга вас интересует, "
        "или скажите «оператор», и я соединю вас с администратором."
    )
    unknown_again: str = "И на это у меня нет точного ответа. Попробуйте спросить иначе или скажите «оператор»."
    other_words: str = "Тогда спросите, пожалуйста, другими словами или скажите «оператор»."
    given_up: str = "Боюсь, я не смогу ответить, а администратор поможет."
    again: str = "Чем ещё могу помочь?"
    offer: str = "Соединить вас с администратором?"
    which: str = WHICH
    which_exactly: str = "Скажите, пожалуйста, что именно."
    not_certain: str = "Об этом точно скажет только специалист, гадать не буду."
    later: str = "Хорошо, звоните, когда решите."
    wrong_number: str = "Ничего страшного."
    unclear: str = "Не разобрал, скажите, пожалуйста, ещё раз."
    others_only: str = "Услуг для животных в прайсе нет."
    no_name: str = "Вы ещё не представились."
    hearing: str = "Да, я вас слышу. Чем могу помочь?"
    robot: str = (
        "Да, я виртуальный помощник: отвечаю на вопросы об услугах и ценах. Если нужен человек, скажите «оператор»."
    )
    sorry: str = "Очень жаль, что так вышло. Этим займётся администратор."
    emergency: str = "Если нужна скорая помощь, звоните 103."
    appointment: str = "Сам я записать или изменить запись не могу."
    contact: str = "Спасибо, но записать номер сам я не могу."
    others: str = "Данные других людей я не сообщаю."
    calm: str = "Понимаю ваше недовольство."

    safe: str = "Точных данных об этом у меня нет. Соединить вас с администратором?"
    filler: str = "Секунду, уточняю."
    broken_off: str = "Простите, я не договорил. Спросите, пожалуйста, ещё раз."
    nobody: str = "Извините, сейчас я не могу ответить. Соединяю вас с администратором, оставайтесь на линии."

    def all(self) -> list[str]:
        """Every sentence, for those who must know that it is the company's own."""
        return [getattr(self, field.name) for field in fields(self)]

    def greeted(self, name: str) -> str:
        """The company's greeting for somebody whose name is known."""
        hello, comma, rest = self.greeting.partition("!")
        return f"{hello}, {name}!{rest}" if comma and len(hello) < LONGEST_HELLO else f"{name}, {self.greeting}"

    def pleased(self, name: str) -> str:
        return f"Очень приятно, {name}! Чем могу помочь?"

    def named(self, name: str | None) -> str:
        """The answer to «как меня зовут»."""
        return f"Вы представились как {name}." if name else self.no_name

    def for_others(self, told: str, theirs: str, asked: str) -> str:
        """What there is only for others than the caller speaks of. Both as one says them after «для»."""
        return f"{told} Это для {theirs}, а есть ли такое для {asked}, подскажет администратор. {self.offer}"

    def asked_back(self, titles: Sequence[str]) -> str:
        """Whether the caller means this, or which of these."""
        named = [f"«{title.rstrip('?')}»" for title in titles]
        if len(named) > 1:
            return f"{WHICH_OF} {' или '.join(named)}?"
        return f"{THIS}: {named[0]}?"

    def has_guessed(self, reply: str) -> bool:
        """Whether a reply asked back, so that a «да» or «нет» is the answer to it."""
        return WHICH_OF in reply or THIS in reply

    def has_given_no_answer(self, reply: str) -> bool:
        return any(phrase in reply for phrase in (self.unknown, self.unknown_again, self.other_words))
