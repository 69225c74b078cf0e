"""TalkMe's three calls as the mock answers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mock_server.app import MAX_BODY, create_app
from mock_server.serving import Server
from tests.mock.serving import in_thread

TOKEN = "token-of-a-webhook"
ALLOWED = "allowed-token-1"


def ask(mock: httpx.Client, method: str, body: object, token: str | None = TOKEN) -> dict[str, Any]:
    """One call; every answer of TalkMe's is HTTP 200 and JSON."""
    headers = {"X-Token": token} if token is not None else {}
    answer = mock.post(f"/customBot/{method}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def send(mock: httpx.Client, text: object, token: str | None = TOKEN) -> dict[str, Any]:
    return ask(mock, "send", {"content": {"text": text}}, token)


def events(mock: httpx.Client, call_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mock.get(f"/calls/{call_id}").json()["events"]
    return found


@pytest.fixture
def strict_mock() -> Iterator[httpx.Client]:
    """It accepts two tokens and no others."""
    app = create_app(tokens=[ALLOWED, "allowed-token-2"])
    with in_thread(Server(app)) as url, httpx.Client(base_url=url) as http:
        yield http


@pytest.mark.parametrize("prefix", ["/", "/json/v1.0/"])
def test_the_three_calls_are_kept_with_the_dialog_whose_token_they_carry(mock: httpx.Client, prefix: str) -> None:
    call = mock.post("/calls", json={"phone": "+375291234567", "name": "Анна"}).json()
    headers = {"X-Token": call["token"], "X-Request-ID": "turn-7"}
    calls = {
        "simulateTyping": {"ttl": 15},
        "send": {"content": {"text": "Здравствуйте!"}},
        "finish": {"code": "OPERATOR_REQUEST"},
    }

    for method, body in calls.items():
        answer = mock.post(f"{prefix}customBot/{method}", json=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"success": True, "result": {}})

    kept = mock.get(f"/calls/{call['id']}").json()
    assert (kept["phone"], kept["name"], kept["state"]) == ("+375291234567", "Анна", "operator")
    assert [(e["seq"], e["kind"], e["ttl"], e["text"], e["code"], e["request_id"]) for e in kept["events"]] == [
        (1, "typing", 15, None, None, "turn-7"),
        (2, "reply", None, "Здравствуйте!", None, "turn-7"),
        (3, "finish", None, None, "OPERATOR_REQUEST", "turn-7"),
    ]


def test_a_send_with_a_token_of_no_call_begins_a_call_of_its_own(mock: httpx.Client) -> None:
    send(mock, "раз")
    send(mock, "два")
    send(mock, "другой", token="another-token")

    calls = mock.get("/calls").json()["calls"]
    assert [call["token"] for call in calls] == [TOKEN, "another-token"]
    assert [event["text"] for event in events(mock, calls[0]["id"])] == ["раз", "два"]


@pytest.mark.parametrize("token", [None, "", "ninechars"])
def test_a_missing_or_short_token_is_refused_and_named(mock: httpx.Client, token: str | None) -> None:
    answer = send(mock, "Здравствуйте!", token)

    assert answer["success"] is False
    assert "токен" in answer["error"]["descr"]
    assert mock.get("/calls").json() == {"calls": []}


@pytest.mark.parametrize(
    ("method", "body", "named"),
    [
        ("send", {"content": {"text": " \n\t"}}, "content.text"),
        ("send", {"content": {"text": "я" * 4001}}, "content.text"),
        ("send", {"content": {"text": 5}}, "content.text"),
        ("send", {"content": {}}, "content.text"),
        ("send", {"content": "text"}, "content"),
        ("send", {"text": "Здравствуйте!"}, "content"),
        ("send", [], "Тело запроса"),
        ("send", None, "Тело запроса"),
        ("simulateTyping", {"ttl": "15"}, "ttl"),
        ("simulateTyping", {"ttl": 15.0}, "ttl"),
        ("simulateTyping", {"ttl": True}, "ttl"),
        ("simulateTyping", {"ttl": 0}, "ttl"),
        ("simulateTyping", {}, "ttl"),
        ("finish", {"code": "BYE"}, "code"),
        ("finish", {"code": None}, "code"),
    ],
)
def test_a_wrong_body_is_refused_with_what_is_expected(
    mock: httpx.Client, method: str, body: object, named: str
) -> None:
    answer = ask(mock, method, body)

    assert answer["success"] is False
    assert answer["error"]["descr"].startswith(f"{named}: ")
    assert "токен" not in answer["error"]["descr"].lower(), "a daemon gives up at once when the token is wrong"


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 5000, b"9" * 5000])
def test_what_is_not_json_is_refused_in_talkmes_form(mock: httpx.Client, body: bytes) -> None:
    headers = {"X-Token": TOKEN, "Content-Type": "application/json"}
    answer = mock.post("/customBot/send", content=body, headers=headers)

    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert "JSON" in answer.json()["error"]["descr"]


def test_a_text_of_4000_characters_is_said_as_it_is(mock: httpx.Client) -> None:
    text = "  " + "я" * 3996 + "\n "

    assert send(mock, text)["success"] is True
    assert events(mock, 1)[0]["text"] == text


@pytest.mark.parametrize(
    ("code", "state"),
    [("SUCCESS", "ended"), ("OPERATOR_REQUEST", "operator"), ("IRRELEVANT_MESSAGE", "irrelevant")],
)
def test_after_finish_a_send_is_refused_until_the_caller_speaks_again(
    mock: httpx.Client, code: str, state: str
) -> None:
    call = mock.post("/calls").json()
    ask(mock, "finish", {"code": code}, call["token"])
    ask(mock, "simulateTyping", {"ttl": 15}, call["token"])

    refused = send(mock, "поздно", call["token"])
    assert refused["success"] is False
    assert "завершён" in refused["error"]["descr"]
    assert mock.get(f"/calls/{call['id']}").json()["state"] == state

    mock.post(f"/calls/{call['id']}/said", json={"text": "Алло?"})
    assert send(mock, "Слушаю вас", call["token"])["success"] is True
    kept = mock.get(f"/calls/{call['id']}").json()
    assert kept["state"] == "open"
    assert [event["kind"] for event in kept["events"]] == ["finish", "typing", "refused", "said", "reply"]


def test_in_a_call_nobody_opened_typing_shows_that_the_caller_spoke_again(mock: httpx.Client) -> None:
    send(mock, "До свидания")
    ask(mock, "finish", {"code": "SUCCESS"})
    assert send(mock, "поздно")["success"] is False

    ask(mock, "simulateTyping", {"ttl": 15})
    assert send(mock, "Здравствуйте!")["success"] is True


def test_with_an_allow_list_other_tokens_are_refused_and_begin_no_call(strict_mock: httpx.Client) -> None:
    assert send(strict_mock, "Здравствуйте!", ALLOWED)["success"] is True

    refused = send(strict_mock, "Здравствуйте!", "not-on-the-list")
    assert refused["success"] is False
    assert "токен" in refused["error"]["descr"]
    assert [call["token"] for call in strict_mock.get("/calls").json()["calls"]] == [ALLOWED]


def test_with_an_allow_list_calls_take_the_token_whose_dialog_is_the_oldest(strict_mock: httpx.Client) -> None:
    tokens = [strict_mock.post("/calls").json()["token"] for _ in range(3)]
    assert tokens == [ALLOWED, "allowed-token-2", ALLOWED]

    send(strict_mock, "кому?", ALLOWED)
    assert [len(events(strict_mock, number)) for number in (1, 2, 3)] == [0, 0, 1]
    answer = strict_mock.post("/calls", json={"token": "not-on-the-list"})
    assert (answer.status_code, "токен" in answer.json()["detail"]) == (403, True)


def test_a_body_over_64_kib_is_too_large_whether_its_length_is_announced_or_not(mock: httpx.Client) -> None:
    headers = {"X-Token": TOKEN, "Content-Type": "application/json"}
    body = b'{"content": {"text": "' + b"a" * MAX_BODY + b'"}}'
    parts = [body[start : start + 8192] for start in range(0, len(body), 8192)]

    for content in (body, iter(parts)):
        assert mock.post("/customBot/send", content=content, headers=headers).status_code == 413
    assert mock.post("/calls", content=body, headers=headers).status_code == 413
    assert mock.get("/health").json()["calls"] == 0


def test_the_document_of_the_api_names_every_call_with_its_header_and_body(mock: httpx.Client) -> None:
    paths = mock.get("/openapi.json").json()["paths"]

    for method in ("simulateTyping", "send", "finish"):
        for prefix in ("", "/json/v1.0"):
            post = paths[f"{prefix}/customBot/{method}"]["post"]
            headers = {parameter["name"]: parameter["required"] for parameter in post["parameters"]}
            assert headers == {"X-Token": True, "X-Request-ID": False}
            assert post["requestBody"]["required"] is True
    index = mock.get("/").json()["endpoints"]
    assert set(index) == set(paths)
    assert sorted(index["/calls"]) == ["DELETE", "GET", "POST"]
