"""Bad input gets an answer that names what was wrong; the daemon keeps serving and nothing is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.daemon import TOKEN, documented, running_daemon, settings_for
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe

URL = "/webhook/talkme"


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in documented().items() if name != field}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("", "тело запроса"),
        ("привет", "тело запроса"),
        ("[1, 2]", "тело запроса"),
        ('{"token": "', "тело запроса"),
        (b"\xff\xfe", "тело запроса"),
        ("[" * 50_000, "вложены глубже 32"),
        ('{"a":' * 33 + "1" + "}" * 33, "вложены глубже 32"),
        (r'{"a": "\n", "b": ' + "[" * 50_000, "вложены глубже 32"),
        ('{"token": NaN}', "тело запроса"),
        ('{"token": -Infinity}', "тело запроса"),
        ('{"user_id": ' + "1" * 5000 + "}", "тело запроса"),
        (documented(user_id=10**300), "user_id"),
        (str(documented()), "тело запроса"),
        (json.dumps(documented()).encode("utf-16"), "тело запроса"),
        (json.dumps(documented(text="\ud800")), "message.text"),
        (without("token"), "token"),
        (documented(token="short"), "token"),
        (documented(token=1234567890), "token"),
        (without("message"), "message.text"),
        (documented(text=" \n\t "), "message.text"),
        (documented(text="\u200b\x00"), "message.text"),
        (documented(message={"text": 5}), "message.text"),
        (documented(message=["Привет"]), "message"),
        (documented(user_id={"id": 1}), "user_id"),
        (documented() | {"user_id": "x" * 257}, "user_id"),
        ({"token": TOKEN, "text": "Привет"}, "user_id"),
    ],
)
async def test_a_body_that_is_wrong_gets_400_and_the_name_of_the_field(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe, body: Any, named: str
) -> None:
    sent = {"json": body} if isinstance(body, dict) else {"content": body}
    answer = await daemon.post(URL, **sent)
    assert answer.status_code == 400
    assert answer.json()["success"] is False
    assert named in answer.json()["error"]
    assert (await daemon.get("/webhook/talkme/stats")).json()["total_sessions"] == 0
    assert (await daemon.post(URL, json=documented())).status_code == 200


async def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_so(daemon: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 1024

    declared = await daemon.post(URL, content=b" " * 65_537)
    assert (declared.status_code, declared.json()["success"]) == (413, False)
    undeclared = await daemon.post(URL, content=chunks())
    assert undeclared.status_code == 413


async def test_with_an_allow_list_only_its_tokens_are_answered(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(folder, talkme.url, talkme={"tokens": [TOKEN, "another-token"]})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        stranger = await daemon.post(URL, json=documented(token="token-of-a-stranger"))
        assert (stranger.status_code, stranger.json()["session_id"]) == (401, "session-of-anna")
        assert "token" in stranger.json()["error"]
        assert (await daemon.post(URL, json=documented())).status_code == 200
        assert talkme.sent("token-of-a-stranger") == []


async def test_a_full_inbox_answers_503_at_once_and_serves_again_when_there_is_room(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    held = asyncio.Event()
    talkme.script["send"].append(Answer(until=held))
    settings = settings_for(folder, talkme.url, limits={"inbox": 1})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as daemon:
        first = asyncio.create_task(daemon.post(URL, json=documented()))
        await eventually(talkme.sent)
        refused = await daemon.post(URL, json=documented(user="boris"))
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        held.set()
        assert (await first).status_code == 200
        assert (await daemon.post(URL, json=documented(user="boris"))).status_code == 200


async def test_a_reply_that_takes_longer_than_the_wait_is_announced_and_follows(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    held = asyncio.Event()
    talkme.script["send"].append(Answer(until=held))
    settings = settings_for(folder, talkme.url, server={"reply_wait": 0.05})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        answer = await daemon.post(URL, json=documented())
        assert (answer.status_code, answer.json()["message"]) == (200, "Сообщение принято")
        held.set()

        async def states() -> list[str]:
            session = (await daemon.get("/webhook/talkme/session/anna")).json()
            return [line["state"] for line in session["transcript"]]

        await eventually(states, lambda states: states == ["sent", "sent"])


async def test_odd_json_that_says_what_is_meant_is_taken(daemon: httpx.AsyncClient) -> None:
    brackets = documented("[[[[" * 100 + "}" * 100)
    twice = json.dumps(documented()).replace('"user_id"', '"user_id": "boris", "user_id"')
    broken_off = json.dumps(documented("привет \ud83d"), ensure_ascii=True)
    marked = "\ufeff" + json.dumps(documented())
    deep = documented(metadata=[[[[[[[[["nine"]]]]]]]]])
    lines = documented("строка\n" + "[" * 40)
    for body in (json.dumps(brackets), json.dumps(lines), twice, broken_off, marked, json.dumps(deep)):
        assert (await daemon.post(URL, content=body.encode())).status_code == 200
    transcript = (await daemon.get("/webhook/talkme/session/anna")).json()["transcript"]
    assert [line["text"] for line in transcript if line["role"] == "caller"][3] == "привет"
    assert (await daemon.get("/webhook/talkme/session/boris")).status_code == 404


async def test_one_word_of_4000_letters_is_answered(daemon: httpx.AsyncClient, talkme: ScriptedTalkMe) -> None:
    assert (await daemon.post(URL, json=documented("за" * 2000))).status_code == 200
    assert len(talkme.sent()) == 1


async def test_a_message_over_4000_characters_is_answered_by_its_first_4000(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    assert (await daemon.post(URL, json=documented("а" * 5000))).status_code == 200
    session = (await daemon.get("/webhook/talkme/session/anna")).json()
    assert len(session["transcript"][0]["text"]) == 4000
