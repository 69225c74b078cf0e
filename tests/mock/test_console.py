"""What the call console is made of, without a browser: the mock's own caller, and streams of events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mock_server.app import create_app
from mock_server.calls import Calls
from mock_server.faults import Faults
from mock_server.serving import Server
from tests.mock.daemon_double import DaemonDouble, refusing
from tests.mock.serving import in_thread
from tests.polling import eventually
from tests.ports import free_port


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def console(daemon: DaemonDouble, faults: Faults) -> Iterator[httpx.Client]:
    """A mock whose page calls the daemon double, which replies to this mock."""
    with (
        in_thread(daemon.server()) as daemon_url,
        in_thread(Server(create_app(daemon=daemon_url, faults=faults))) as url,
        httpx.Client(base_url=url, timeout=30) as http,
    ):
        daemon.talkme_url = f"{url}/"
        yield http


def spoken(console: httpx.Client, text: str = "Алло") -> int:
    """A new call in which this was said; its number."""
    call_id: int = console.post("/calls", json={"name": "Анна"}).json()["id"]
    speak(console, call_id, text)
    return call_id


def speak(console: httpx.Client, call_id: int, text: str) -> None:
    assert console.post(f"/calls/{call_id}/speak", json={"text": text}).status_code == 202


def kinds(console: httpx.Client, call_id: int) -> list[str]:
    """What happened in a call."""
    return [event["kind"] for event in console.get(f"/calls/{call_id}").json()["events"]]


def health(console: httpx.Client) -> object:
    return console.get("/console").json()


async def outcome(console: httpx.Client, call_id: int) -> dict[str, Any]:
    """The event that says what the daemon answered."""

    def webhooks() -> list[dict[str, Any]]:
        events = console.get(f"/calls/{call_id}").json()["events"]
        return [event for event in events if event["kind"] == "webhook"]

    found: list[dict[str, Any]] = await eventually(webhooks)
    return found[0]


async def test_what_is_typed_reaches_the_daemon_as_talkmes_webhook_and_its_answer_is_kept(
    console: httpx.Client, daemon: DaemonDouble
) -> None:
    call_id = spoken(console, "  Алло ")
    event = await outcome(console, call_id)
    assert (event["status"], event["text"]) == (200, "Сообщение отправлено")
    (body,) = daemon.received
    assert set(body) == {"token", "site", "client", "message", "originalOnlineChatMessage"}
    assert set(body["client"]) == {"searchId", "login", "clientId", "name", "phone"}
    assert (body["message"]["text"], body["client"]["name"]) == ("Алло", "Анна")
    assert kinds(console, call_id) == ["said", "typing", "reply", "webhook"]


async def test_a_refusal_is_kept_in_the_daemons_words_and_is_not_tried_again(
    console: httpx.Client, daemon: DaemonDouble
) -> None:
    daemon.turn = refusing(503, "Слишком много сообщений")
    event = await outcome(console, spoken(console))
    assert (event["status"], event["text"]) == (503, "Слишком много сообщений")
    assert len(daemon.received) == 1


async def test_a_daemon_that_is_not_there_is_told() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with in_thread(Server(create_app(daemon=nobody))) as url, httpx.Client(base_url=url, timeout=30) as http:
        assert health(http) == {"daemon": nobody, "health": "unreachable"}
        assert (await outcome(http, spoken(http)))["status"] is None


async def test_the_faults_of_the_webhook_hold_for_the_page_too(
    console: httpx.Client, daemon: DaemonDouble, faults: Faults
) -> None:
    faults.set("dup=100%")
    call_id = spoken(console)
    await outcome(console, call_id)
    assert len(daemon.received) == 2
    assert daemon.received[0] == daemon.received[1]
    assert "fault" in kinds(console, call_id)


async def test_a_reordered_message_is_overtaken_by_the_next(
    console: httpx.Client, daemon: DaemonDouble, faults: Faults
) -> None:
    faults.set("reorder=100%")
    call_id = spoken(console, "раз")
    await eventually(lambda: faults.met["reorder"])
    faults.set("")
    speak(console, call_id, "два")
    await eventually(lambda: len(daemon.received) == 2)
    assert [body["message"]["text"] for body in daemon.received] == ["два", "раз"]


def test_a_daemon_that_does_not_tell_of_its_turns_is_asked_in_vain(console: httpx.Client, daemon: DaemonDouble) -> None:
    daemon.transcript = [{"role": "caller", "of": "another version"}]
    call_id = spoken(console)
    assert console.get(f"/calls/{call_id}/turns").json() == {"turns": []}


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "  "}, {"text": "а" * 4001}, {"text": 1}])
def test_what_nobody_can_say_is_refused(console: httpx.Client, body: dict[str, Any]) -> None:
    call_id = console.post("/calls").json()["id"]
    assert console.post(f"/calls/{call_id}/speak", json=body).status_code == 422


def test_who_has_hung_up_hears_nothing_until_he_speaks_again(mock: httpx.Client) -> None:
    call = mock.post("/calls").json()
    headers, text = {"X-Token": call["token"]}, {"content": {"text": "Вы ещё здесь?"}}
    for _ in range(2):
        assert mock.post(f"/calls/{call['id']}/hang-up").json()["state"] == "hung_up"
    assert mock.post("/customBot/send", json=text, headers=headers).json()["success"] is False
    mock.post("/customBot/finish", json={"code": "SUCCESS"}, headers=headers)
    assert mock.get(f"/calls/{call['id']}").json()["state"] == "hung_up"
    mock.post(f"/calls/{call['id']}/said", json={"text": "Алло"})
    assert mock.post("/customBot/send", json=text, headers=headers).json()["success"] is True
    assert kinds(mock, call["id"]).count("hang_up") == 1


def test_a_browser_gets_the_page_and_a_program_the_list_of_paths(mock: httpx.Client) -> None:
    page = mock.get("/", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for name, kind in (("console.css", "text/css"), ("console.js", "text/javascript")):
        assert f"/page/{name}" in page.text
        assert mock.get(f"/page/{name}").headers["content-type"].startswith(kind)
    assert mock.get("/page/app.py").status_code == mock.get("/page/%2e%2e/app.py").status_code == 404
    assert "/calls" in mock.get("/").json()["endpoints"]


def data(lines: Iterator[str]) -> dict[str, Any]:
    """The next event of a stream."""
    line = next(line for line in lines if line.startswith("data: "))
    event: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return event


def test_a_calls_stream_begins_with_what_is_kept_and_goes_on_from_where_it_broke_off(mock: httpx.Client) -> None:
    call_id = mock.post("/calls").json()["id"]
    for text in ("раз", "два"):
        mock.post(f"/calls/{call_id}/said", json={"text": text})
    with mock.stream("GET", f"/calls/{call_id}/stream") as stream:
        lines = stream.iter_lines()
        assert [data(lines)["text"], data(lines)["text"]] == ["раз", "два"]
        mock.post(f"/calls/{call_id}/said", json={"text": "три"})
        assert data(lines)["text"] == "три"
    with mock.stream("GET", f"/calls/{call_id}/stream", headers={"Last-Event-ID": "2"}) as stream:
        lines = stream.iter_lines()
        assert data(lines)["text"] == "три"
        mock.delete("/calls")
        assert [line for line in lines if line.startswith("data")] == [], "forgotten, so it ends"


def test_the_stream_of_all_calls_tells_whose_each_event_is_and_only_the_kinds_asked_for(mock: httpx.Client) -> None:
    with mock.stream("GET", "/stream", params={"kind": "reply"}) as stream:
        lines = stream.iter_lines()
        next(lines)  # it listens
        call = mock.post("/calls").json()
        mock.post(f"/calls/{call['id']}/said", json={"text": "Алло"})
        mock.post("/customBot/send", json={"content": {"text": "Да"}}, headers={"X-Token": call["token"]})
        event = data(lines)
    assert (event["call"], event["token"], event["kind"], event["text"]) == (call["id"], call["token"], "reply", "Да")


def test_streams_do_not_hold_up_the_end_of_the_server() -> None:
    with in_thread(Server(create_app())) as url, httpx.Client(base_url=url, timeout=30) as http:
        streaming = http.stream("GET", "/stream")
        stream = streaming.__enter__()
        next(stream.iter_lines())
    streaming.__exit__(None, None, None)


async def test_a_listener_that_leaves_is_forgotten() -> None:
    calls = Calls()
    listening = calls.listen()
    calls.close()
    assert [event async for event in listening] == []
