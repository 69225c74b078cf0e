"""What the mock keeps of its calls, and how it is read."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from mock_server.app import create_app
from mock_server.calls import MAX_CALLS, MAX_EVENTS, Call, Calls, Event
from mock_server.serving import Server
from tests.mock.serving import in_thread

SEPTEMBER_2025 = 1_757_937_600.0


def test_a_call_is_named_as_talkme_names_a_visitor() -> None:
    call = Calls(now=lambda: SEPTEMBER_2025).open()

    assert (call.name, call.login, call.phone) == ("1 посетитель в сентябре 2025 года", "1_posetitel", None)
    assert len(call.client_id) == 12
    assert len(call.token) >= 10


def test_ids_of_messages_never_repeat_not_even_over_a_restart() -> None:
    first = Calls(now=lambda: SEPTEMBER_2025)
    ids = [first.said(first.open(), "да").message_id for _ in range(20)]
    restarted = Calls(now=lambda: SEPTEMBER_2025 + 1)
    ids += [restarted.said(restarted.open(), "да").message_id for _ in range(20)]

    assert len(set(ids)) == 40


def test_the_oldest_call_goes_when_there_are_too_many_and_its_token_is_free_again() -> None:
    calls = Calls()
    first = calls.open(token="token-of-the-first")
    for _ in range(MAX_CALLS):
        last = calls.open()

    assert len(calls.all()) == MAX_CALLS
    assert calls.get(first.id) is None
    assert calls.get(last.id) is last
    assert calls.of_token("token-of-the-first").id == last.id + 1


def test_the_oldest_events_of_a_call_go_when_there_are_too_many() -> None:
    calls = Calls()
    call = calls.open()
    for number in range(MAX_EVENTS + 5):
        calls.reply(call, str(number))

    assert [event.seq for event in call.after(0)] == list(range(6, MAX_EVENTS + 6))
    assert call.after(MAX_EVENTS + 4)[0].text == str(MAX_EVENTS + 4)


def test_the_watcher_sees_every_event_with_its_call() -> None:
    seen: list[tuple[int, str]] = []

    def watch(call: Call, event: Event) -> None:
        seen.append((call.id, event.kind))

    calls = Calls(watch=watch)
    calls.said(calls.open(), "Алло")
    calls.reply(calls.open(), "Слушаю")

    assert seen == [(1, "said"), (2, "reply")]


async def test_a_long_poll_answers_as_soon_as_there_is_something_new(mock_url: str) -> None:
    async with httpx.AsyncClient(base_url=mock_url, timeout=90) as http:
        call = (await http.post("/calls")).json()
        said = (await http.post(f"/calls/{call['id']}/said", json={"text": "Алло"})).json()
        waiting = asyncio.create_task(
            http.get(f"/calls/{call['id']}/events", params={"after": said["seq"], "wait": 60})
        )
        other = await http.get(f"/calls/{call['id']}/events", params={"after": 0, "wait": 60})
        assert [event["kind"] for event in other.json()["events"]] == ["said"]
        assert not waiting.done()

        await http.post("/customBot/send", json={"content": {"text": "Слушаю"}}, headers={"X-Token": call["token"]})
        async with asyncio.timeout(30):
            events = (await waiting).json()["events"]
    assert [(event["seq"], event["text"]) for event in events] == [(2, "Слушаю")]


def test_a_long_poll_gives_an_empty_list_when_nothing_came(mock: httpx.Client) -> None:
    mock.post("/calls")

    assert mock.get("/calls/1/events", params={"wait": 0.05}).json() == {"events": []}


def test_clearing_the_calls_ends_the_long_polls_on_them(mock: httpx.Client) -> None:
    mock.post("/calls")
    mock.post("/calls")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(mock.get, "/calls/2/events", params={"wait": 60}, timeout=90)
        assert mock.delete("/calls").json() == {"cleared_calls": 2}
        answer = waiting.result(timeout=30)

    # The poll may also have come after the call was gone.
    assert answer.status_code == 404 or answer.json() == {"events": []}
    assert mock.get("/calls").json() == {"calls": []}
    assert mock.get("/calls/2").status_code == 404


def test_stopping_the_mock_does_not_wait_for_its_long_polls() -> None:
    app = create_app()
    arrived = threading.Event()

    @app.middleware("http")
    async def note_arrival(request: Request, call_next: RequestResponseEndpoint) -> Response:
        if request.method == "GET":
            arrived.set()
        return await call_next(request)

    with ThreadPoolExecutor(1) as pool:
        with in_thread(Server(app)) as url:
            httpx.post(f"{url}/calls")
            waiting = pool.submit(httpx.get, f"{url}/calls/1/events", params={"wait": 60}, timeout=90)
            assert arrived.wait(30)
        assert waiting.result(timeout=30).json() == {"events": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/calls/7", None, 404),
        ("GET", "/calls/7/events", None, 404),
        ("POST", "/calls/7/said", {"text": "Алло"}, 404),
        ("GET", "/calls/0", None, 422),
        ("GET", "/calls/first", None, 422),
        ("GET", "/calls/1/events?wait=nan", None, 422),
        ("GET", "/calls/1/events?wait=61", None, 422),
        ("GET", "/calls/1/events?after=-1", None, 422),
        ("POST", "/calls", {"token": "short"}, 422),
        ("POST", "/calls", {"phone": 375291234567}, 422),
        ("GET", "/nowhere", None, 404),
        ("GET", "/customBot/send", None, 405),
    ],
)
def test_what_the_mock_does_not_know_gets_an_error_that_says_so(
    mock: httpx.Client, method: str, path: str, body: object, status: int
) -> None:
    mock.post("/calls")
    answer = mock.request(method, path, json=body)

    assert answer.status_code == status
    assert answer.json()["detail"]


def test_health_names_the_service_and_counts_the_calls(mock: httpx.Client) -> None:
    mock.post("/calls")

    assert mock.get("/health").json() == {"status": "ok", "service": "mock_talkme", "calls": 1}
