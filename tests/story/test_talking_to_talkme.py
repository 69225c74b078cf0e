"""TalkMe's API as it is: it drops connections, asks for patience, and says no in several ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import TalkMeError, TalkMeTokenRefused
from server.models import FinishCode
from server.observability.timeline import Timeline
from server.outgoing import Outgoing
from server.talkme.client import TalkMeClient
from server.talkme.texts import split
from tests.clock import FakeClock
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe, scripted_talkme

TOKEN = "token-of-the-salon"
BUSY = {"success": False, "error": {"descr": "Внутренняя ошибка"}}


class ImpatientClock(FakeClock):
    """Sleeping takes no time, but is remembered; time limits are real."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)


@pytest.fixture
def clock() -> ImpatientClock:
    return ImpatientClock()


@pytest.fixture
async def talkme() -> AsyncIterator[ScriptedTalkMe]:
    async with scripted_talkme() as talkme:
        yield talkme


@pytest.fixture
async def client(talkme: ScriptedTalkMe, clock: ImpatientClock) -> AsyncIterator[TalkMeClient]:
    client = TalkMeClient(Outgoing(talkme.url, connections=10), clock, timeout=0.3, text_limit=100)
    yield client
    await client.close()


async def test_the_three_calls_are_made_as_documented(client: TalkMeClient, talkme: ScriptedTalkMe) -> None:
    await client.typing(TOKEN)
    await client.send(TOKEN, "Привет")
    await client.finish(TOKEN, FinishCode.SUCCESS)
    assert [(call.method, call.token, call.body) for call in talkme.calls] == [
        ("simulateTyping", TOKEN, {"ttl": 15}),
        ("send", TOKEN, {"content": {"text": "Привет"}}),
        ("finish", TOKEN, {"code": "SUCCESS"}),
    ]


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(drop=True),
        Answer(status=408),
        Answer(status=425),
        Answer(status=429),
        Answer(status=500),
        Answer(status=503),
        Answer(body=BUSY),
        Answer(body="not JSON"),
        Answer(body="<!DOCTYPE html><title>nginx</title>"),
        Answer(body=""),
        Answer(status=204, body=""),
        Answer(body="[]"),
        Answer(body={"success": "true"}),
    ],
    ids=[
        "dropped",
        "408",
        "425",
        "429",
        "500",
        "503",
        "success false",
        "no JSON",
        "HTML",
        "nothing",
        "204",
        "a list",
        "success no bool",
    ],
)
async def test_what_may_pass_is_tried_again(client: TalkMeClient, talkme: ScriptedTalkMe, trouble: Answer) -> None:
    talkme.script["send"].extend([trouble, trouble])
    await client.send(TOKEN, "Привет")
    assert talkme.sent() == ["Привет"] * 3


async def test_a_call_that_hangs_is_given_up_after_its_time_and_tried_again(
    client: TalkMeClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].append(Answer(until=asyncio.Event()))
    await client.send(TOKEN, "Привет")
    assert len(talkme.sent()) == 2


async def test_after_three_attempts_the_last_error_is_told(client: TalkMeClient, talkme: ScriptedTalkMe) -> None:
    talkme.script["send"].extend(Answer(body=BUSY) for _ in range(3))
    with pytest.raises(TalkMeError, match="Внутренняя ошибка"):
        await client.send(TOKEN, "Привет")
    assert len(talkme.sent()) == 3


async def test_pauses_grow_and_respect_what_talkme_asks_for(
    client: TalkMeClient, talkme: ScriptedTalkMe, clock: ImpatientClock
) -> None:
    talkme.script["send"].extend([Answer(status=500), Answer(status=429, headers={"Retry-After": "7"})])
    await client.send(TOKEN, "Привет")
    first, second = clock.slept
    assert 1 <= first < 2
    assert second == 7


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Answer(status=401), TalkMeTokenRefused),
        (Answer(status=403), TalkMeTokenRefused),
        (Answer(body={"success": False, "error": {"descr": "Invalid token"}}), TalkMeTokenRefused),
        (Answer(body={"success": False, "error": {"descr": "Неверный токен"}}), TalkMeTokenRefused),
        (Answer(status=404), TalkMeError),
        (Answer(status=400), TalkMeError),
    ],
)
async def test_what_will_not_pass_is_not_tried_again(
    client: TalkMeClient, talkme: ScriptedTalkMe, refusal: Answer, error: type[TalkMeError]
) -> None:
    talkme.script["send"].append(refusal)
    with pytest.raises(error):
        await client.send(TOKEN, "Привет")
    assert len(talkme.sent()) == 1


async def test_nobody_listening_is_an_error_of_talkme(clock: ImpatientClock) -> None:
    client = TalkMeClient(Outgoing("http://127.0.0.1:9/", connections=1), clock, attempts=2)
    with pytest.raises(TalkMeError):
        await client.send(TOKEN, "Привет")
    await client.close()


async def test_typing_is_tried_once(client: TalkMeClient, talkme: ScriptedTalkMe) -> None:
    talkme.script["simulateTyping"].append(Answer(status=500))
    with pytest.raises(TalkMeError):
        await client.typing(TOKEN)
    assert len(talkme.of("simulateTyping")) == 1


async def test_a_long_reply_is_sent_in_parts_that_end_with_a_sentence(
    client: TalkMeClient, talkme: ScriptedTalkMe
) -> None:
    sentence = "Это предложение занимает примерно сорок знаков."
    await client.send(TOKEN, " ".join([sentence] * 5))
    assert talkme.sent() == [f"{sentence} {sentence}", f"{sentence} {sentence}", sentence]


async def test_typing_is_renewed_while_a_reply_takes_longer(client: TalkMeClient, talkme: ScriptedTalkMe) -> None:
    from server.conversation.typing import Typing

    clock = FakeClock()
    with Typing(client, clock, ttl=15).shown(TOKEN, Timeline(clock)):
        await eventually(lambda: len(talkme.calls) == 1)

        def renewed() -> bool:
            clock.advance(1)
            return len(talkme.calls) == 2

        await eventually(renewed)
        assert clock.now() - FakeClock().now() >= 12


WORDS = st.text(alphabet="абв .!?\n", max_size=600)


@given(text=WORDS, limit=st.integers(min_value=1, max_value=80))
def test_splitting_loses_nothing_but_white_space_and_keeps_the_limit(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(0 < len(part) <= limit for part in parts)
