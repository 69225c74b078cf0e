"""A simulated call against a mock and a daemon, both real servers."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from mock_server.caller import Event, MockUnusable, SimulatedCall, open_call
from tests.mock.daemon_double import ACCEPTED, SENT, DaemonDouble, TalkMe, refusing
from tests.ports import free_port


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
async def call(http: httpx.AsyncClient, mock_url: str, daemon_url: str) -> SimulatedCall:
    return await open_call(http, daemon=daemon_url, mock=f"{mock_url}/")


async def test_a_message_is_answered_when_the_webhook_said_so_and_the_mock_heard_the_reply(
    call: SimulatedCall,
) -> None:
    said = await call.say("Сколько стоит маникюр?")

    assert (said.error, said.replies) == (None, ["Вы сказали: Сколько стоит маникюр?"])
    assert (said.webhook_status, said.webhook_answer, said.end_conversation) == (200, SENT, False)
    assert said.first_reply is not None
    assert said.first_reply == said.latency
    assert said.latency is not None
    assert said.latency > 0


async def test_the_webhook_has_the_form_in_which_talkme_really_sends_it(
    http: httpx.AsyncClient, mock_url: str, daemon: DaemonDouble, daemon_url: str
) -> None:
    call = await open_call(http, daemon=daemon_url, mock=mock_url, token="token-of-my-own")
    await call.say("Привет")

    (body,) = daemon.received
    assert set(body) == {"token", "site", "client", "message", "originalOnlineChatMessage"}
    assert body["token"] == "token-of-my-own"
    assert set(body["site"]) == {"id", "domain"}
    client, original = body["client"], body["originalOnlineChatMessage"]
    assert set(client) == {"searchId", "login", "clientId", "name", "phone"}
    assert re.fullmatch(r"1 посетитель в [а-я]+ \d{4} года", client["name"])
    assert (client["login"], client["phone"], type(client["searchId"])) == ("1_posetitel", None, int)
    assert body["message"] == {"text": "Привет"}
    assert (original["text"], original["dialogId"]) == ("Привет", call.dialog["dialogId"])
    assert type(original["id"]) is int


async def test_each_message_has_an_id_of_its_own_and_the_caller_stays_the_same(
    http: httpx.AsyncClient, mock_url: str, daemon: DaemonDouble, daemon_url: str
) -> None:
    call = await open_call(http, daemon=daemon_url, mock=mock_url, phone="+375291234567", name="Анна")
    for _ in range(3):
        await call.say("да")

    assert len({body["originalOnlineChatMessage"]["id"] for body in daemon.received}) == 3
    assert {(body["client"]["name"], body["client"]["phone"]) for body in daemon.received} == {
        ("Анна", "+375291234567")
    }
    assert len({body["token"] for body in daemon.received}) == 1


async def test_replies_belong_to_the_message_they_answer(call: SimulatedCall) -> None:
    replies = [(await call.say(text)).replies for text in ("раз", "два")]

    assert replies == [["Вы сказали: раз"], ["Вы сказали: два"]]


async def test_callers_at_the_same_time_hear_only_their_own_replies(
    http: httpx.AsyncClient, mock_url: str, daemon_url: str
) -> None:
    calls = [await open_call(http, daemon=daemon_url, mock=mock_url) for _ in range(10)]
    heard = await asyncio.gather(*(call.say(f"я {number}") for number, call in enumerate(calls)))

    assert [said.replies for said in heard] == [[f"Вы сказали: я {number}"] for number in range(10)]


async def test_the_watcher_sees_what_happens_before_the_webhook_is_answered(
    daemon: DaemonDouble, call: SimulatedCall
) -> None:
    seen: list[tuple[str, float]] = []
    first_part_seen = threading.Event()

    async def in_two_parts(talkme: TalkMe, text: str) -> dict[str, Any]:
        await talkme("simulateTyping", {"ttl": 15})
        await talkme.send("Минуту.")
        await asyncio.to_thread(first_part_seen.wait, 30)
        await talkme.send("Маникюр стоит 50 рублей.")
        return SENT

    def watch(event: Event, seconds: float) -> None:
        seen.append((event["kind"], seconds))
        if event["kind"] == "reply":
            first_part_seen.set()

    daemon.turn = in_two_parts
    said = await call.say("Сколько стоит маникюр?", watch=watch)

    assert said.replies == ["Минуту.", "Маникюр стоит 50 рублей."]
    assert [kind for kind, _ in seen] == ["typing", "reply", "reply"]
    assert [seconds for _, seconds in seen][1:] == [said.first_reply, said.latency]
    assert said.first_reply is not None
    assert said.latency is not None
    assert said.first_reply < said.latency


async def test_where_the_message_was_only_accepted_the_reply_is_waited_for(
    daemon: DaemonDouble, call: SimulatedCall
) -> None:
    async def accept(talkme: TalkMe, text: str) -> dict[str, Any]:
        return ACCEPTED

    async def reply_later(talkme: TalkMe, text: str) -> dict[str, Any]:
        await talkme.send("Первая часть.")
        await talkme.send("Вторая часть.")
        await talkme("finish", {"code": "SUCCESS"})
        return {}

    daemon.turn, daemon.later = accept, reply_later
    said = await call.say("Спасибо, до свидания")

    assert (said.error, said.replies) == (None, ["Первая часть.", "Вторая часть."])
    assert said.webhook_answer == ACCEPTED
    assert said.end_conversation, "the webhook could not say it, but TalkMe was told"


async def test_the_end_of_the_conversation_is_what_the_webhook_says(daemon: DaemonDouble, call: SimulatedCall) -> None:
    async def goodbye(talkme: TalkMe, text: str) -> dict[str, Any]:
        await talkme.send("До свидания!")
        return SENT | {"end_conversation": True}

    daemon.turn = goodbye
    assert (await call.say("До свидания")).end_conversation


async def test_an_accepted_message_without_a_reply_in_time_is_unanswered(
    daemon: DaemonDouble, call: SimulatedCall
) -> None:
    async def accept(talkme: TalkMe, text: str) -> dict[str, Any]:
        return ACCEPTED

    daemon.turn = accept
    said = await call.say("Алло", time_limit=0.3)

    assert (said.replies, said.latency, said.webhook_status) == ([], None, 200)
    assert said.error == "accepted, but no reply came within 0.3 s"


async def test_a_reply_sent_to_another_talkme_is_unanswered_and_the_setting_is_named(
    mock_url: str, daemon: DaemonDouble, call: SimulatedCall
) -> None:
    async def sent_elsewhere(talkme: TalkMe, text: str) -> dict[str, Any]:
        return SENT

    daemon.turn = sent_elsewhere
    said = await call.say("Алло")

    assert said.error is not None
    assert f"BASE_URL_TALKME of the daemon should be {mock_url}/" in said.error


async def test_a_refused_message_is_unanswered_with_status_and_error_even_where_a_reply_came(
    daemon: DaemonDouble, call: SimulatedCall
) -> None:
    refuse = refusing(502, "TalkMe не принял ответ")

    async def half_done(talkme: TalkMe, text: str) -> Any:
        await talkme.send("Первая часть.")
        await talkme.send(" ")
        return await refuse(talkme, text)

    daemon.turn = half_done
    said = await call.say("Алло")

    assert (said.webhook_status, said.replies) == (502, ["Первая часть."])
    assert said.error is not None
    assert said.error.startswith("the webhook refused with status 502: TalkMe не принял ответ; the mock refused")
    assert "content.text" in said.error


async def test_a_daemon_that_is_not_there_is_named(http: httpx.AsyncClient, mock_url: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    call = await open_call(http, daemon=url, mock=mock_url)
    said = await call.say("Алло")

    assert said.error is not None
    assert said.error.startswith(f"daemon not reachable at {url}")
    assert said.webhook_status is None


async def test_a_daemon_that_hangs_up_before_it_answers_is_told_from_one_that_is_not_there(
    http: httpx.AsyncClient, mock_url: str
) -> None:
    def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        call = await open_call(http, daemon=f"http://127.0.0.1:{port}", mock=mock_url)
        said = await call.say("Алло")

    assert said.error is not None
    assert said.error.startswith("the daemon broke off before it answered the webhook")


async def test_a_daemon_that_does_not_answer_in_time_is_unanswered(daemon: DaemonDouble, call: SimulatedCall) -> None:
    over = threading.Event()

    async def ponder(talkme: TalkMe, text: str) -> dict[str, Any]:
        await asyncio.to_thread(over.wait, 30)
        return SENT

    daemon.turn = ponder
    try:
        said = await call.say("Алло", time_limit=0.3)
    finally:
        over.set()

    assert said.error == "the daemon did not answer the webhook within 0.3 s"


async def test_a_call_forgotten_by_the_mock_is_the_mocks_failure(
    http: httpx.AsyncClient, mock_url: str, call: SimulatedCall
) -> None:
    await http.delete(f"{mock_url}/calls")
    said = await call.say("Алло")

    assert said.error is not None
    assert said.error.startswith(f"the mock at {mock_url} failed:")
    assert "404" in said.error


async def test_no_dialog_opens_without_a_mock_or_with_a_token_it_does_not_take(
    http: httpx.AsyncClient, mock_url: str
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(MockUnusable, match=f"the mock at {nobody} does not answer"):
        await open_call(http, daemon=mock_url, mock=nobody)
    with pytest.raises(MockUnusable, match="at least 10 characters"):
        await open_call(http, daemon=mock_url, mock=mock_url, token="short")
