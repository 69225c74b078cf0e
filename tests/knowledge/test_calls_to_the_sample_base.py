"""Callers of the offline consultant hear what stands in the shipped files, over several questions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from server.consultant.base import Inquiry
from server.consultant.offline import OfflineConsultant
from server.consultant.phrases import Phrases
from server.conversation.query import look_up
from server.knowledge.confidence import MIN_CONFIDENCE
from server.knowledge.library import Library
from server.models import Exchange, Session


async def last_reply(library: Library, call: Sequence[str]) -> str:
    """What a caller hears who has said all this."""
    consultant = OfflineConsultant(Phrases("Здравствуйте!", "До свидания!"), MIN_CONFIDENCE)
    session = Session("anna", "anna", created_at=0, last_activity=0, conversation_since=0)
    history: list[Exchange] = []
    for text in call:
        findings = await look_up(library, text, history)
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
        (["маникюр с гель-лаком сколько", "а просто без покрытия"], ["Маникюр классический — 42 рубля"]),
        (["ботекс в лоб сколько стоит", "а больно"], ["обезболивающий крем"]),
        (
            ["ботекс в лоб сколько стоит", "а больно", "а можно беременным"],
            ["Инъекции, лазер и аппаратные токи нельзя"],
        ),
        (["мужу нужен массаж", "а беременным можно"], ["массаж для беременных", "нельзя"]),
        (["дочке шестнадцать можно ей губы накачать"], ["Инъекции и лазер с 18 лет"]),
        (["сколько стоит маникюр"], ["от 28 до 74 рублей", "мужской", "детский", "японский"]),
        (["маникюр почём у вас", "последний"], ["Японский маникюр — 58 рублей"]),
        (["маникюр цена", "детский", "а взрослый"], ["аникюр классический — 42 рубля", "японский маникюр"]),
        (["сколько стоит стрижка", "мужская", "если всё вместе стрижка и борода сколько"], ["52 рубля", "36 рублей"]),
        (["лазер подмышки и бикини сколько"], ["подмышек — 63 рубля", "бикини — 118 рублей"]),
        (["сколько стоит лазерная эпиляция спины женщине"], ["Это для мужчин"]),
        (["свадебная причёска с выездом на дом сколько"], ["185 рублей", "доплата за выезд 70 рублей"]),
        (["почём у вас подстричься мужчине"], ["Стрижка мужская — 52 рубля"]),
        (["есть скидки", "а пенсионерам"], ["По будням до 15:00"]),
        (["вы завтра работаете"], ["с 9:00"]),
        (["есть ли скидки", "а до скольки в воскресенье"], ["с 9:00"]),
        (["лазер подмышки сколько", "а летом можно"], ["Да, диодным лазером"]),
        (["пилинг какой есть", "жёлтый", "сколько дней шелушится"], ["Шелушение 3–5 дней"]),
        (["пилинг какой есть", "жёлтый", "а летом можно"], ["скажет только специалист"]),
        (["эпиляция подмышек", "лазерная имею в виду"], ["Лазерная эпиляция подмышек — 63 рубля"]),
    ],
)
async def test_a_caller_hears_the_right_row(shipped: Library, call: list[str], words: list[str]) -> None:
    said = await last_reply(shipped, call)
    assert all(word in said for word in words), said


async def test_where_a_treatment_is_not_offered_no_price_is_told_as_an_answer(shipped: Library) -> None:
    assert "рубл" not in await last_reply(shipped, ["а в новой боровой делаете ботокс"])


@pytest.mark.parametrize(
    "text",
    ["больно ли делать лазерную эпиляцию", "можно ли ботокс при диабете", "а можно беременным губы", "мне семнадцать"],
)
async def test_of_a_concern_no_price_is_told(shipped: Library, text: str) -> None:
    assert "рубл" not in await last_reply(shipped, ["увеличение губ", text])
