"""The consultant that needs nobody: what it makes of the words callers use."""

from __future__ import annotations

import pytest

from server.consultant.base import EndConversation, Inquiry, RememberClient, TransferToOperator
from server.consultant.offline import OfflineConsultant
from server.consultant.phrases import Phrases
from server.consultant.rows import told
from server.consultant.speech import spoken
from server.knowledge.base import Document, Finding, Findings
from server.models import Exchange, Session

PHRASES = Phrases(greeting="Здравствуйте! Это «Итейра».", farewell="До свидания!")


def row(**fields: str) -> Document:
    columns = tuple((name, value) for name, value in fields.items())
    return Document("\n".join(f"{name}: {value}" for name, value in columns), "Прайс.xlsx", "Услуги!2", columns)


MANICURE = row(Услуга="маникюр классический", Цена="48", Длительность="60 мин.", Описание="Без покрытия")


async def reply(text: str, *, confidence: float = 0.0, history: int = 0) -> tuple[str, list[object]]:
    """What is said to `text`, and what is decided, when a search found the manicure with this confidence."""
    findings = Findings(text, confidence, (Finding(MANICURE, 1.0),))
    session = Session("anna", "anna", created_at=0, last_activity=0, conversation_since=0)
    inquiry = Inquiry(session, (Exchange("Привет", "Здравствуйте!"),) * history, text, findings)
    parts = [part async for part in OfflineConsultant(PHRASES, min_confidence=0.5).reply(inquiry)]
    return "".join(part for part in parts if isinstance(part, str)), [p for p in parts if not isinstance(p, str)]


@pytest.mark.parametrize("text", ["Привет", "здравствуйте", "Добрый день!", "алло", "Ну, здравствуйте, девушка"])
async def test_a_first_greeting_is_answered_with_the_companys(text: str) -> None:
    assert await reply(text) == (PHRASES.greeting, [])


async def test_who_greets_again_is_not_told_the_companys_name_again() -> None:
    words, _ = await reply("Алло", history=1)
    assert words != PHRASES.greeting


@pytest.mark.parametrize("text", ["До свидания", "всё, спасибо, до свидания", "Пока", "ладно, всего доброго"])
async def test_a_goodbye_ends_the_conversation(text: str) -> None:
    assert await reply(text, confidence=0.9, history=1) == (PHRASES.farewell, [EndConversation()])


@pytest.mark.parametrize(
    "text", ["оператора", "Соедините с администратором", "я хочу поговорить с живым человеком", "позовите менеджера"]
)
async def test_who_asks_for_a_human_gets_one(text: str) -> None:
    words, decisions = await reply(text, confidence=0.9)
    assert words == PHRASES.transfer
    assert [type(decision) for decision in decisions] == [TransferToOperator]


@pytest.mark.parametrize(
    "text",
    [
        "сколько стоит маникюр",
        "Здравствуйте, сколько стоит маникюр?",
        "спасибо, а сколько стоит маникюр",
        "пока не решила, сколько стоит маникюр?",
    ],
)
async def test_a_question_among_polite_words_is_answered(text: str) -> None:
    words, decisions = await reply(text, confidence=0.9)
    assert "Маникюр классический — 48 рублей" in words.replace("Здравствуйте! м", "М")
    assert decisions == []


async def test_below_the_confidence_it_admits_that_it_does_not_know() -> None:
    assert await reply("есть ли у вас парковка", confidence=0.4) == (PHRASES.unknown, [])


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("Меня зовут Анна", RememberClient("Анна", "female")),
        ("здравствуйте меня зовут сергей", RememberClient("Сергей", "male")),
        ("Мое имя Ольга", RememberClient("Ольга", "female")),
        ("зовите меня Дармидонтович", None),
    ],
)
async def test_a_name_is_picked_up(text: str, client: RememberClient | None) -> None:
    words, decisions = await reply(text)
    (remembered,) = decisions
    assert isinstance(remembered, RememberClient)
    assert client is None or remembered == client
    assert remembered.name is not None
    assert remembered.name in words


async def test_a_name_and_a_question_get_both_answers() -> None:
    words, decisions = await reply("Меня зовут Анна, сколько стоит маникюр?", confidence=0.9)
    assert words.startswith("Очень приятно, Анна! Маникюр классический — 48 рублей")
    assert decisions == [RememberClient("Анна", "female")]


@pytest.mark.parametrize(
    ("document", "question", "answer"),
    [
        (MANICURE, "сколько стоит", "Маникюр классический — 48 рублей, длительность 60 минут."),
        (MANICURE, "что входит", "Маникюр классический — 48 рублей, длительность 60 минут. Без покрытия."),
        (row(Услуга="Укладка", Цена="от 75 руб. за час"), "цена", "Укладка — от 75 рублей за час."),
        (row(Услуга="Брови", Цена="21"), "цена", "Брови — 21 рубль."),
        (row(Услуга="Брови", Цена="22,50"), "цена", "Брови — 22,50 рубля."),
        (row(Вопрос="Есть парковка?", Ответ="Да, во дворе."), "парковка", "Да, во дворе."),
        (row(Аппарат="Диодный лазер", Назначение="Эпиляция"), "лазер", "Диодный лазер: Эпиляция."),
        (row(Категория="Ногти", Мастер="Ольга"), "ногти", "Категория: Ногти, мастер: Ольга."),
    ],
)
def test_a_row_is_told_in_sentences(document: Document, question: str, answer: str) -> None:
    assert told(document, question) == answer


def test_of_a_long_section_only_whole_sentences_are_told() -> None:
    section = Document(
        "О компании – Часы работы\n" + "Мы открыты каждый день с девяти. " * 40, "О компании.md", "Часы работы"
    )
    words = told(section, "когда вы открыты")
    assert len(words) <= 450
    assert words.startswith("Мы открыты")
    assert words.endswith("с девяти.")


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("**Да**, `48` рублей", "Да, 48 рублей"),
        ("1. Маникюр\n2. Педикюр", "Маникюр. Педикюр."),
        ("Смотрите https://iteira.by/price, там всё", "Смотрите, там всё"),
        ("Ждём вас 😊!", "Ждём вас!"),
        ("№ 5, +20 °C, 10 %, 5*3", "№ 5, +20 °C, 10 %, 5*3"),
    ],
)
def test_what_is_written_becomes_what_can_be_heard(written: str, heard: str) -> None:
    assert spoken(written).removesuffix(".") == heard.removesuffix(".")
