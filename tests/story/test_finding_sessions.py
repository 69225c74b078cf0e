"""Finding sessions by what an operator knows, and passing one on without telling who called."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from server.admin.answers import Line, SessionWithTranscript
from server.admin.masking import without_personal_data
from server.admin.session_search import AT_ONCE, Wanted, search
from server.models import Incoming
from server.stores.base import StoreLimits
from server.stores.memory import MemoryStore
from tests.clock import FakeClock
from tests.daemon import documented
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe

SESSIONS = "/webhook/talkme/sessions"


async def found(daemon: httpx.AsyncClient, **wanted: str | int) -> list[str]:
    answer = await daemon.get(SESSIONS, params=wanted)
    assert answer.status_code == 200, answer.text
    return [session["user_id"] for session in answer.json()["sessions"]]


@pytest.fixture
async def three(daemon: httpx.AsyncClient) -> httpx.AsyncClient:
    """Anna with a number, Пётр who has said goodbye, and somebody who said more and told no name."""
    callers = (
        documented("меня зовут Анна", "anna", phone_number="80291234567"),
        documented("меня зовут Пётр", "petr"),
        documented("спасибо, до свидания", "petr"),
        documented("Привет", "nobody"),
        documented("Сколько стоит маникюр?", "nobody"),
        documented("А педикюр?", "nobody"),
    )
    for caller in callers:
        assert (await daemon.post("/webhook/talkme", json=caller)).status_code == 200
    return daemon


async def test_sessions_are_found_by_name_number_and_activity(three: httpx.AsyncClient) -> None:
    assert await found(three) == ["nobody", "petr", "anna"]
    assert await found(three, name="петр") == ["petr"]
    assert await found(three, phone="(29) 123-45") == ["anna"]
    assert await found(three, active="true") == ["nobody", "anna"]
    assert await found(three, active="true", name="петр") == []
    assert await found(three, since=datetime.now(UTC).isoformat()) == []
    assert await found(three, since="2020-01-01T00:00:00Z") == ["nobody", "petr", "anna"]


async def test_they_are_sorted_and_come_page_by_page(three: httpx.AsyncClient) -> None:
    assert await found(three, sort="messages") == ["nobody", "petr", "anna"]
    assert await found(three, sort="name") == ["anna", "petr", "nobody"]
    assert await found(three, sort="created") == ["nobody", "petr", "anna"]
    first = (await three.get(SESSIONS, params={"limit": 2})).json()
    assert ([one["user_id"] for one in first["sessions"]], first["more"]) == (["nobody", "petr"], True)
    second = (await three.get(SESSIONS, params={"limit": 2, "page": 2})).json()
    assert ([one["user_id"] for one in second["sessions"]], second["more"]) == (["anna"], False)
    assert (await three.get(SESSIONS, params={"sort": "luck"})).status_code == 400
    assert (await three.get(SESSIONS, params={"limit": 1000, "page": 10**18})).status_code == 400


async def test_those_in_which_somebody_waits_are_found(three: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    taken = asyncio.Event()
    talkme.script["send"].append(Answer(until=taken))
    call = asyncio.create_task(three.post("/webhook/talkme", json=documented(user="anna")))

    async def waiting() -> list[str]:
        return await found(three, waiting="true")

    assert await eventually(waiting) == ["anna"]
    taken.set()
    await call
    assert await waiting() == []


async def test_a_search_reads_on_until_it_has_a_page() -> None:
    store = MemoryStore(StoreLimits(), FakeClock())
    for number in range(AT_ONCE + 20):
        name = "Анна" if number == 0 else None
        await store.accept(Incoming(f"u{number}", "1", "Привет", "token-of-the-salon", name=name))
    sessions, more = await search(store, Wanted(name="анна"), 10, 1)
    assert ([session.user_id for session in sessions], more) == (["u0"], False)


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(active_since=0.0), Wanted(since=0.0)])
async def test_what_is_only_listed_is_listed_to_the_last_session(
    monkeypatch: pytest.MonkeyPatch, wanted: Wanted
) -> None:
    monkeypatch.setattr("server.admin.session_search.LOOKED_AT", AT_ONCE)
    clock = FakeClock()
    store = MemoryStore(StoreLimits(), clock)
    for number in reversed(range(AT_ONCE + 20)):
        await store.accept(Incoming(f"u{number}", "1", "Привет", "token-of-the-salon"))
        clock.advance(1)
    pages = [await search(store, wanted, 100, page) for page in (1, 2, 3, 4)]
    assert [more for _, more in pages] == [True, True, False, False]
    listed = [session.user_id for sessions, _ in pages for session in sessions]
    assert listed == [f"u{number}" for number in range(AT_ONCE + 20)]


# Without personal data


async def test_an_exported_session_tells_nobody_who_called(three: httpx.AsyncClient) -> None:
    masked = (await three.get("/webhook/talkme/session/anna", params={"masked": "true"})).json()
    assert (masked["client_name"], masked["phone_number"]) == ("А***", "+37529***4567")
    assert masked["transcript"][0]["text"] == "меня зовут А***"
    whole = (await three.get("/webhook/talkme/session/anna")).json()
    assert whole["client_name"] == "Анна"


def masked(text: str, name: str | None = None) -> str:
    line = Line(role="caller", message_id="7", text=text, at="", state="sent", reason=None, original=text, timeline=[])
    session = SessionWithTranscript(
        user_id="375291234567",
        session_id="3120",
        client_name=name,
        gender=None,
        phone_number=None,
        messages_count=1,
        created_at="",
        last_activity="",
        transcript=[line],
    )
    hidden = without_personal_data(session)
    assert hidden.user_id == "37529***4567"
    assert hidden.transcript[0].original == hidden.transcript[0].text
    return hidden.transcript[0].text


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        ("Мой номер +375 (29) 123-45-67, запишите", "Мой номер ***, запишите"),
        ("пишите на anna@example.com завтра", "пишите на *** завтра"),
        ("запишите Марию к Ольге", "запишите М*** к О***"),
        ("Маникюр стоит 45 рублей, 50 минут.", "Маникюр стоит 45 рублей, 50 минут."),
        ("плюс триста семьдесят пять двадцать девять сто двадцать три и всё", "плюс *** и всё"),
        ("две процедуры в три часа", "две процедуры в три часа"),
    ],
)
def test_what_tells_who_somebody_is_is_hidden_and_nothing_else(said: str, hidden: str) -> None:
    assert masked(said) == hidden


def test_an_unusual_name_is_known_by_the_session() -> None:
    assert masked("Я Эсмигюль, запишите Эсмигюли время", "Эсмигюль") == "Я Э***, запишите Э*** время"
