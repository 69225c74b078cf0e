"""Callers of the offline consultant hear what stands in the shipped files, over several questions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from server.consultant.base import Inquiry
from server.consultant.offline import OfflineConsultant
from server.consultant.phrases import Phrases
from server.conversation.query import query
from server.knowledge.confidence import MIN_CONFIDENCE
from server.knowledge.library import Library
from server.models import Exchange, Session


async def last_reply(library: Library, call: Sequence[str]) -> str:
    """What a caller hears who has said all this."""
    consultant = OfflineConsultant(Phrases("Здравствуйте!", "До свидания!"), MIN_CONFIDENCE)
    session = Session("anna", "anna", created_at=0, last_activity=0, conversation_since=0)
    history: list[Exchange] = []
    for text in call:
        findings = await library.search(query(text, history))
        parts = [part async for part in consultant.reply(Inquiry(session, tuple(history), text, findings))]
        history.append(Exchange(text, "".join(part for part in parts if isinstance(part, str))))
    return history[-1].reply


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["сколько стоит покрасить волосы"], ["Окрашивание в один тон — 145 рублей"]),
        (["сколько стоит педикюр"], ["едикюр медицинский — 112 рублей", "Что из этого вас интересует?"]),
        (["маникур"], ["аникюр", "рубл"]),
        (["мани кюр сколько стоит"], ["аникюр", "рубл"]),
        (["сколько стоит маникюр", "а педикюр?"], ["едикюр мужской — 72 рубля"]),
        (["сколько стоит женская стрижка", "а сколько по времени занимает"], ["длительность 1 час"]),
        (["сколько стоит ботокс", "для волос"], ["Ботокс для волос — 189 рублей"]),
        (["а ботокс больно делать?"], ["обезболивающий крем"]),
        (["можно записаться на завтра на пять вечера"], ["По телефону +375 17 555-01-10", "администратором?"]),
        (["перенесите мою запись"], ["за 12 часов", "администратором?"]),
        (["до скольки вы в воскресенье на козлова"], ["Козлова ежедневно с 9:00 до 21:00"]),
        (["до скольки работаете", "а в новой боровой в воскресенье?"], ["воскресенье выходной"]),
        (["во сколько вы открываетесь"], ["с 9:00"]),
        (["как доехать"], ["Площадь Победы", "Михалово", "Новая Боровая"]),
        (["татуаж бровей"], ["Перманентный макияж бровей — 390 рублей"]),
        (["есть ли у вас телеграм"], ["Telegram"]),
        (["балаяж", "да", "а по времени"], ["4 часа"]),
    ],
)
async def test_a_caller_hears_the_right_row(shipped: Library, call: list[str], words: list[str]) -> None:
    said = await last_reply(shipped, call)
    assert all(word in said for word in words), said


async def test_where_a_treatment_is_not_offered_no_price_is_told_as_an_answer(shipped: Library) -> None:
    assert "рубл" not in await last_reply(shipped, ["а в новой боровой делаете ботокс"])
