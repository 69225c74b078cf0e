"""What the callers of the benchmarks say. Each utterance names a service, and the model's answer to it names the same.

So the other side knows to which message a reply belongs, whatever happened in between: what is lost, said twice or out
of order is seen and not inferred. The utterances differ as real ones do, since a program may remember equal ones.
"""

from __future__ import annotations

import random
import re

SERVICES = (
    "маникюр",
    "педикюр",
    "окрашивание",
    "стрижку",
    "массаж",
    "пилинг",
    "эпиляцию",
    "укладку",
    "чистку",
    "мезотерапию",
    "ламинирование",
    "лифтинг",
    "шугаринг",
    "татуаж",
    "мелирование",
    "обёртывание",
    "криотерапию",
    "плазмолифтинг",
    "ботокс",
    "солярий",
)
"""In the accusative, which all the sentences here need: the n-th message of a call names the n-th."""
PHRASES = (
    "Расскажите, пожалуйста, про {}",
    "Скажите, что вы можете предложить на {}",
    "Хотела бы узнать про {} у вас в салоне",
    "А можно подробнее про {}",
    "Подскажите, сколько стоит записаться на {}",
    "Мне подруга посоветовала {}, расскажите",
    "Алло, я по поводу того, чтобы сделать {}",
    "Делаете ли вы {}",
    "Интересует цена на {}, если можно",
    "Что нужно знать, если я иду на {}",
    "Как подготовиться, когда записан на {}",
    "Сколько времени занимает, если прийти на {}",
)
ENDINGS = (
    "",
    "на завтра",
    "в субботу",
    "для мамы",
    "на выходных",
    "после работы",
    "впервые",
    "в центре",
    "подешевле",
    "к празднику",
    "с подругой",
    "на этой неделе",
    "до отпуска",
    "у хорошего мастера",
    "вместо прошлой записи",
    "как в прошлый раз",
    "на двоих",
    "без очереди",
    "утром",
    "в подарок",
)
ANSWER = re.compile(rf"лово про ({'|'.join(SERVICES)})")
"""How a reply of the model begins; nothing else that a target may say does."""
ASKED = re.compile("|".join(SERVICES))


def utterance(number: int, chance: random.Random) -> str:
    """What a caller says as the `number`-th of the call, from 0."""
    return f"{chance.choice(PHRASES).format(SERVICES[number % len(SERVICES)])} {chance.choice(ENDINGS)}".rstrip()


def asked(text: str) -> int:
    """The place in `SERVICES` of what an utterance names; 0 where it names nothing of them."""
    found = ASKED.search(text)
    return SERVICES.index(found[0]) if found else 0
