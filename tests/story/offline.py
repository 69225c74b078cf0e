"""The consultant that needs nobody, asked without a daemon, and some rows of a price list that it finds."""

from __future__ import annotations

from collections.abc import Sequence

from server.consultant.base import Inquiry
from server.consultant.offline import OfflineConsultant
from server.consultant.phrases import Phrases
from server.knowledge.base import Document, Finding, Findings
from server.models import Exchange, Session

PHRASES = Phrases(greeting="Здравствуйте! Это «Итейра».", farewell="До свидания!")


def row(**fields: str) -> Document:
    columns = tuple((name, value) for name, value in fields.items())
    return Document("\n".join(f"{name}: {value}" for name, value in columns), "Прайс.xlsx", "Услуги!2", columns)


MANICURE = row(Услуга="маникюр классический", Цена="48", Длительность="60 мин.", Описание="Без покрытия")

PEDICURES = [
    row(Услуга="Педикюр классический", Цена="68", Минут="70"),
    row(Вопрос="Сколько держится педикюр?", Ответ="Две недели."),
    row(Услуга="Педикюр мужской", Цена="72", Минут="90"),
    row(Услуга="Маникюр", Цена="42", Минут="50"),
]


async def reply(
    text: str,
    *,
    confidence: float = 0.0,
    replies: Sequence[str] = (),
    asked: str = "…",
    known_as: str | None = None,
    found: Sequence[Document] = (MANICURE,),
    query: str | None = None,
) -> tuple[str, list[object]]:
    """What is said to `text` after these replies, each to `asked`, and what is decided, when a search for `query` found
    these documents, each a little worse than the one before, with this confidence."""
    scored = tuple(Finding(document, 1.0 - at / 1000) for at, document in enumerate(found))
    session = Session("anna", "anna", created_at=0, last_activity=0, conversation_since=0, client_name=known_as)
    history = tuple(Exchange(asked, said) for said in replies)
    inquiry = Inquiry(session, history, text, Findings(query or text, confidence, scored))
    parts = [part async for part in OfflineConsultant(PHRASES, min_confidence=0.5).reply(inquiry)]
    return "".join(part for part in parts if isinstance(part, str)), [p for p in parts if not isinstance(p, str)]
