"""The call console, as whoever calls with it meets it."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, Any

import httpx

from tests.mock.daemon_double import DaemonDouble, TalkMe, refusing

from .conftest import answer

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def expect(found: Locator) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(found, "")


def dial(page: Page, name: str = "") -> Locator:
    """A new call; its card stands before the others."""
    page.get_by_label("Имя").fill(name)
    page.get_by_role("button", name="Позвонить").click()
    return page.get_by_role("article", name=name) if name else page.get_by_role("article").first


def say(card: Locator, text: str) -> None:
    card.get_by_label("Что говорит клиент").fill(text)
    card.get_by_role("button", name="Сказать", exact=True).click()


def test_a_whole_call_goes_by_keyboard_alone(page: Page, daemon: DaemonDouble) -> None:
    keys = page.keyboard
    page.get_by_label("Номер").focus()
    keys.type("+375 29 123-45-67")
    keys.press("Tab")
    keys.type("Анна")
    keys.press("Enter")
    card = page.get_by_role("article", name="Анна")
    expect(card.get_by_label("Что говорит клиент")).to_be_focused()

    keys.type("Сколько стоит маникюр?")
    keys.press("Enter")
    log = card.get_by_role("log")
    expect(log).to_contain_text("Вы сказали: Сколько стоит маникюр?")
    expect(log).to_contain_text(re.compile(r"через \d+ мс|через \d+,\d с"))
    expect(card.get_by_label("Что говорит клиент")).to_be_focused()
    expect(card.get_by_role("status")).to_have_text("на связи")

    keys.type("До свидания")
    keys.press("Enter")
    expect(card.get_by_role("status")).to_have_text("завершён")
    expect(log).to_contain_text("Консультант завершил разговор.")

    for _ in range(4):  # say, replay, put away, hang up
        keys.press("Tab")
    expect(card.get_by_role("button", name="Положить трубку")).to_be_focused()
    keys.press("Enter")
    expect(card.get_by_role("status")).to_have_text("трубка положена")
    client = daemon.received[0]["client"]
    assert (client["name"], client["phone"]) == ("Анна", "+375 29 123-45-67")


def test_two_calls_go_on_at_once_and_each_hears_its_own(page: Page, daemon: DaemonDouble) -> None:
    both_asked = threading.Barrier(2, timeout=15)

    async def together(talkme: TalkMe, text: str) -> Any:
        await asyncio.to_thread(both_asked.wait)
        return await answer(talkme, text)

    daemon.turn = together
    anna, boris = dial(page, "Анна"), dial(page, "Борис")
    say(anna, "я Анна")
    say(boris, "я Борис")
    expect(anna.get_by_role("log")).to_contain_text("Вы сказали: я Анна")
    expect(boris.get_by_role("log")).to_contain_text("Вы сказали: я Борис")
    expect(anna.get_by_role("log")).not_to_contain_text("Борис")
    assert len({body["token"] for body in daemon.received}) == 2


def test_typing_is_shown_until_the_reply_and_parts_have_their_times(page: Page, daemon: DaemonDouble) -> None:
    seen, heard = threading.Event(), threading.Event()

    async def in_parts(talkme: TalkMe, text: str) -> Any:
        await talkme("simulateTyping", {"ttl": 60})
        await asyncio.to_thread(seen.wait, 15)
        await talkme.send("Сейчас посмотрю.")
        await asyncio.to_thread(heard.wait, 15)
        return await answer(talkme, text)

    daemon.turn = in_parts
    card = dial(page, "Анна")
    say(card, "Алло")
    expect(card.get_by_text("печатает…")).to_be_visible()
    seen.set()
    expect(card.get_by_role("log")).to_contain_text("Сейчас посмотрю.")
    expect(card.get_by_text("печатает…")).to_be_hidden()
    heard.set()
    expect(card.get_by_role("log")).to_contain_text("Вы сказали: Алло")
    expect(card.get_by_text(re.compile("первая часть через"))).to_be_visible()
    expect(card.get_by_text(re.compile("последняя часть через"))).to_be_visible()


def test_a_reply_tells_on_request_what_its_turn_spent_the_time_on(page: Page, daemon: DaemonDouble) -> None:
    def happened(event: str, second: float, **details: Any) -> dict[str, Any]:
        return {"event": event, "at": f"2026-01-01T00:00:0{second:.3f}+00:00", "details": details}

    timeline = [happened("accepted", 0), happened("knowledge", 0.005, seconds=0.004), happened("sent", 0.25)]
    daemon.transcript = [{"role": "caller", "text": "Алло", "state": "sent", "timeline": timeline}]
    card = dial(page, "Анна")
    say(card, "Алло")
    card.get_by_text("на что ушло время").click()
    steps = card.get_by_role("listitem")
    expect(steps).to_have_text(["+0 мс принято", "+5 мс поиск в базе знаний: 4 мс", "+250 мс доставлено"])
    expect(steps.last).to_be_in_viewport()


def test_an_outage_is_seen_where_it_hurts(page: Page, daemon_server: Any) -> None:
    card = dial(page, "Анна")
    say(card, "раз")
    expect(card.get_by_role("log")).to_contain_text("Вы сказали: раз")
    assert page.get_by_role("alert").count() == 0
    daemon_server.should_exit = True
    page.wait_for_function("async () => (await (await fetch('/console')).json()).health === 'unreachable'")
    connections = daemon_server.server_state.connections
    for _ in range(400):  # one that was kept open may still be answered
        if not connections:
            break
        page.wait_for_timeout(25)
    assert not connections
    say(card, "два")
    expect(card.get_by_text("Не доставлено: сервер не отвечает.")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("не отвечает: сказанного сейчас никто не услышит")


def test_a_refusal_of_the_daemon_is_told_with_its_words(page: Page, daemon: DaemonDouble) -> None:
    daemon.turn = refusing(503, "Слишком много сообщений")
    card = dial(page)
    say(card, "Алло")
    expect(card.get_by_text("Не доставлено: 503. Слишком много сообщений")).to_be_visible()


def test_an_operator_takes_over(page: Page) -> None:
    card = dial(page, "Анна")
    card.get_by_role("button", name="Соедините с администратором").click()
    say(card, "Позовите оператора")
    expect(card.get_by_role("status")).to_have_text("у оператора")
    expect(card.get_by_text(re.compile("Подключился оператор"))).to_be_visible()


def test_a_call_is_replayed_as_a_new_one_with_the_same_words(page: Page, daemon: DaemonDouble) -> None:
    card = dial(page, "Анна")
    for text in ("раз", "два"):
        say(card, text)
        expect(card.get_by_role("log")).to_contain_text(f"Вы сказали: {text}")
    card.get_by_role("button", name="Повторить этот звонок").click()
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_role("article").first.get_by_role("log")).to_contain_text("Вы сказали: два")
    assert [body["message"]["text"] for body in daemon.received] == ["раз", "два"] * 2
    assert len({body["client"]["clientId"] for body in daemon.received}) == 2


def test_faults_are_chosen_on_the_page_and_shown_where_they_hit(page: Page, mock_url: str) -> None:
    page.get_by_role("button", name="Сбои").click()
    dialog = page.get_by_role("dialog", name="Что нарочно ломается")
    dialog.get_by_label("truncate: процентов").fill("100")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert httpx.get(f"{mock_url}/faults").json()["chaos"] == "truncate=100%"
    card = dial(page, "Анна")
    say(card, "Алло")
    expect(card.get_by_text("сбой: truncate").first).to_be_visible()

    page.get_by_role("button", name="Сбои").click()
    expect(dialog.get_by_label("truncate: процентов")).to_have_value("100")
    dialog.get_by_role("button", name="Ничего не ломать").click()
    dialog.get_by_role("button", name="Применить").click()
    expect(dialog).to_be_hidden()
    assert httpx.get(f"{mock_url}/faults").json()["chaos"] == ""


def test_a_page_that_is_loaded_again_shows_the_calls_of_before(page: Page) -> None:
    card = dial(page, "Анна")
    say(card, "раз")
    expect(card.get_by_role("log")).to_contain_text("Вы сказали: раз")
    page.reload()
    again = page.get_by_role("article", name="Анна")
    expect(again.get_by_role("log")).to_contain_text("Вы сказали: раз")
    say(again, "два")
    expect(again.get_by_role("log")).to_contain_text("Вы сказали: два")


def test_it_speaks_english_too_and_remembers_that(page: Page) -> None:
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Call")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Nobody is calling yet")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"


def test_on_a_narrow_screen_nothing_is_cut_off_and_everything_has_a_name(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    card = dial(page, "Анна")
    say(card, "слово" * 30)
    expect(card.get_by_role("log")).to_contain_text("Вы сказали")
    page.get_by_role("button", name="Сбои").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input")]
            .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []
