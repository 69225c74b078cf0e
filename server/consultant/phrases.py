"""Sentences that are always said in the same words, whoever answers."""

from __future__ import annotations

from dataclasses import dataclass


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
    again: str = "Чем ещё могу помочь?"

    def pleased(self, name: str) -> str:
        return f"Очень приятно, {name}! Чем могу помочь?"
