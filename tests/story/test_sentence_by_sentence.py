"""`agent.reply_mode = "sentences"`: the caller hears the first sentence while the rest is being written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from server.consultant.phrases import Phrases
from server.models import Incoming, Reply
from server.stores.base import StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock
from tests.daemon import TOKEN, documented, running_daemon, settings_for
from tests.model_server import Completion, ModelServer, model_server
from tests.polling import eventually
from tests.ports import free_port
from tests.process import daemon_process
from tests.scripted_talkme import Answer, ScriptedTalkMe

BROKEN_OFF = Phrases("", "").broken_off
QUESTION = "Сколько стоит классический маникюр?"


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as model:
        yield model


@pytest.fixture
async def daemon(folder: Path, talkme: ScriptedTalkMe, model: ModelServer) -> AsyncIterator[httpx.AsyncClient]:
    agent = {"api_key": "sk-test", "base_url": model.url, "reply_mode": "sentences", "stalled": 10}
    async with (
        running_daemon(settings_for(folder, talkme.url, agent=agent)) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client


async def say(daemon: httpx.AsyncClient, text: str = QUESTION) -> httpx.Response:
    return await daemon.post("/webhook/talkme", json=documented(text))


async def test_the_first_sentence_is_heard_while_the_second_is_written(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    held = asyncio.Event()
    model.script.append(Completion(["Маникюр есть. Он", " стоит 48 руб. ", "Ждём!"], until=held))
    saying = asyncio.create_task(say(daemon))
    await eventually(talkme.sent, lambda sent: sent == ["Маникюр есть."])
    assert not saying.done()
    held.set()
    assert (await saying).json()["message"] == "Сообщение отправлено"
    assert talkme.sent() == ["Маникюр есть.", "Он стоит 48 рублей.", "Ждём!"]


async def test_history_and_transcript_hold_what_was_really_sent_and_the_models_own_words_beside_it(
    daemon: httpx.AsyncClient, model: ModelServer
) -> None:
    model.script.extend([Completion(["Маникюр есть. **48 руб.**"]), Completion(["Да."])])
    await say(daemon)
    await say(daemon, "Точно?")
    line = (await daemon.get("/webhook/talkme/session/anna")).json()["transcript"][1]
    assert (line["text"], line["original"]) == ("Маникюр есть. 48 рублей.", "Маникюр есть. **48 руб.**")
    assert model.requests[1]["messages"][-2]["content"] == "Маникюр есть. 48 рублей."


async def test_decisions_follow_after_the_last_sentence(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    model.script.append(Completion(["Рады были помочь. До свидания!"], functions=[("end_conversation", "{}")]))
    assert (await say(daemon)).json()["end_conversation"] is True
    assert [call.method for call in talkme.calls if call.method != "simulateTyping"] == ["send", "send", "finish"]


async def test_of_a_long_answer_five_sentences_are_spoken_and_its_decision_still_counts(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    words = [f"Предложение {word}. " for word in ("а", "б", "в", "г", "д", "е", "ж")]
    model.script.append(Completion(words, functions=[("transfer_to_operator", "{}")]))
    assert (await say(daemon)).json()["end_conversation"] is True
    assert len(talkme.sent()) == 5


async def test_when_the_model_breaks_off_nobody_begins_anew(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    model.script.append(Completion(["Маникюр есть. ", "Он стоит"], cut=True))
    await say(daemon)
    assert talkme.sent() == ["Маникюр есть.", BROKEN_OFF]


async def test_what_talkme_refuses_is_sent_again_from_there_when_the_message_is_tried_again(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    talkme.script["send"].extend([Answer(), Answer(status=400)])
    model.script.append(Completion(["Маникюр есть. ", "Это 48 рублей. ", "Ждём."]))
    assert (await say(daemon)).status_code == 502
    (failed,) = (await daemon.get("/webhook/talkme/failed")).json()["failed"]
    await daemon.post(f"/webhook/talkme/failed/{failed['id']}/retry")
    await eventually(talkme.sent, lambda sent: sent[-1] == BROKEN_OFF)
    assert talkme.sent() == ["Маникюр есть.", "Это 48 рублей.", "Это 48 рублей.", BROKEN_OFF]


@pytest.mark.parametrize("sent", [0, 1, 2])
async def test_a_worker_that_takes_over_goes_on_where_the_dead_one_stopped(
    folder: Path, talkme: ScriptedTalkMe, sent: int
) -> None:
    settings = settings_for(folder, talkme.url, agent={"reply_mode": "sentences"})
    store = store_from_url(settings.store.url, StoreLimits(), FakeClock(0))
    await store.open()
    await store.accept(Incoming("anna", "anna", QUESTION, TOKEN))
    (claim,) = await store.claim("dead", 1, 1)
    parts = ("Маникюр есть.", "Это 48 рублей.")
    await store.save_reply(claim, Reply(" ".join(parts), "openai", parts=parts, sent=sent, complete=False))
    await store.close()
    with_patience = settings.model_copy(update={"server": settings.server.model_copy(update={"stale_after": 1e12})})
    async with running_daemon(with_patience):
        await eventually(lambda: talkme.sent()[-1:] == [BROKEN_OFF])
    assert talkme.sent() == [*parts[sent:], BROKEN_OFF]


async def test_after_kill_9_in_mid_reply_at_most_the_sentence_in_flight_is_heard_twice(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    held = asyncio.Event()
    model.script.append(Completion(["Маникюр есть. Он", " стоит 48 рублей."], until=held))
    environment = {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": model.url,
        "ITEIRA_AGENT__REPLY_MODE": "sentences",
        "ITEIRA_STORE__LEASE": "1",
    }
    async with daemon_process(folder, free_port(), talkme.url, environment=environment) as dying:
        async with httpx.AsyncClient(base_url=dying.url, timeout=30) as client:
            lost = asyncio.create_task(say(client))
            await eventually(talkme.sent)
            dying.kill()
            await asyncio.gather(lost, return_exceptions=True)
        held.set()
    async with (
        daemon_process(folder, free_port(), talkme.url, environment=environment) as heir,
        httpx.AsyncClient(base_url=heir.url, timeout=30) as client,
    ):

        async def counted() -> object:
            return (await client.get("/webhook/talkme/stats")).json()["answered_by"]

        await eventually(counted, lambda by: by == {"openai": 1})
    heard = talkme.sent()
    assert heard in (["Маникюр есть.", BROKEN_OFF], ["Маникюр есть.", "Маникюр есть.", BROKEN_OFF])
    assert len(model.requests) == 1, "nobody thinks anew"
