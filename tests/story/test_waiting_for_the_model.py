"""How long a caller waits for a model: time limits, the ladder below it, and what he hears meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from iteira_cli.blame import BEHIND, spent
from server.consultant.circuit import Admission, Circuit
from server.consultant.phrases import Phrases
from tests.clock import FakeClock
from tests.daemon import documented, running_daemon, settings_for
from tests.model_server import Completion, ModelServer, model_server
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe

PHRASES = Phrases("", "")
QUESTION = "Сколько стоит классический маникюр?"


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as model:
        yield model


@asynccontextmanager
async def daemon_with(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer, **agent: object
) -> AsyncIterator[httpx.AsyncClient]:
    given = {"api_key": "sk-test", "base_url": model.url, **agent}
    async with (
        running_daemon(settings_for(folder, talkme.url, agent=given)) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client


async def say(daemon: httpx.AsyncClient, text: str = QUESTION, user: str = "anna") -> httpx.Response:
    return await daemon.post("/webhook/talkme", json=documented(text, user))


async def timeline(daemon: httpx.AsyncClient, user: str = "anna") -> list[tuple[str, dict[str, Any]]]:
    """The events of the latest message."""
    lines = (await daemon.get(f"/webhook/talkme/session/{user}")).json()["transcript"]
    latest = [line for line in lines if line["role"] == "caller"][-1]
    return [(event["event"], event["details"]) for event in latest["timeline"]]


async def consultants(daemon: httpx.AsyncClient, user: str = "anna") -> list[tuple[str, str]]:
    """Who was asked for the latest message, and with what outcome."""
    events = await timeline(daemon, user)
    return [(details["by"], details["outcome"]) for event, details in events if event == "consultant"]


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("first_token", "no first token within 0.3 s"),
        ("stalled", "the stream stalled for 0.3 s"),
        ("timeout", "no whole answer within 0.3 s"),
    ],
)
async def test_a_model_that_keeps_silent_is_given_up(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer, limit: str, reason: str
) -> None:
    held = asyncio.Event()
    words = [] if limit == "first_token" else ["Минуточку", "…"]
    model.script.append(Completion(words, until=held, silent=limit == "first_token"))
    async with daemon_with(folder, talkme, model, **{limit: 0.3}) as daemon:
        await say(daemon)
        assert "48 рублей" in talkme.sent()[0]
        assert await consultants(daemon) == [("openai", "failed"), ("offline", "answered")]
        assert [d["reason"] for event, d in await timeline(daemon) if "reason" in d] == [reason]
        held.set()


async def test_a_failure_before_the_first_token_is_tried_once_more(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    model.script.extend([Completion(status=500), Completion(["48 рублей."])])
    async with daemon_with(folder, talkme, model) as daemon:
        await say(daemon)
        assert talkme.sent() == ["48 рублей."]
        assert await consultants(daemon) == [("openai", "answered")]


async def test_a_refused_key_and_a_stream_that_breaks_are_not_tried_again(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    model.script.extend([Completion(status=401), Completion(["Маникюр"], cut=True)])
    async with daemon_with(folder, talkme, model) as daemon:
        await say(daemon)
        await say(daemon)
        assert len(model.requests) == 2


async def test_the_second_model_is_asked_before_the_offline_consultant(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    async with model_server() as other:
        model.script.append(Completion(status=401))
        other.script.extend([Completion(["Сорок восемь рублей."]), Completion(status=401)])
        second = {"second_model": "small", "second_base_url": other.url, "second_api_key": "sk-second"}
        async with daemon_with(folder, talkme, model, **second) as daemon:
            await say(daemon)
            assert talkme.sent() == ["Сорок восемь рублей."]
            assert (other.requests[0]["model"], other.keys[0]) == ("small", "Bearer sk-second")
            model.script.append(Completion(status=401))
            await say(daemon)
            assert await consultants(daemon) == [("openai", "failed"), ("second", "failed"), ("offline", "answered")]
            stats = (await daemon.get("/webhook/talkme/stats")).json()
            assert stats["answered_by"] == {"second": 1, "offline": 1}


async def test_when_nobody_can_answer_the_caller_is_handed_to_a_human(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object, inquiry: Any) -> AsyncIterator[str]:
        yield inquiry.our_own_mistake

    monkeypatch.setattr("server.consultant.offline.OfflineConsultant.reply", broken)
    model.script.append(Completion(status=401))
    async with daemon_with(folder, talkme, model) as daemon:
        answer = await say(daemon)
        assert answer.json()["end_conversation"] is True
        assert talkme.sent() == [PHRASES.nobody]
        assert [call.body for call in talkme.of("finish")] == [{"code": "OPERATOR_REQUEST"}]
        assert (await daemon.get("/webhook/talkme/stats")).json()["answered_by"] == {"fixed": 1}


async def test_a_mistake_of_our_own_does_not_keep_the_offline_consultant_from_the_next_caller(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object, inquiry: Any) -> AsyncIterator[str]:
        yield inquiry.our_own_mistake

    model.always = lambda _: Completion(status=401)
    async with daemon_with(folder, talkme, model, circuit_failures=1) as daemon:
        with monkeypatch.context() as patch:
            patch.setattr("server.consultant.offline.OfflineConsultant.reply", broken)
            await say(daemon)
        await say(daemon, user="boris")
        assert await consultants(daemon, "boris") == [("openai", "not asked"), ("offline", "answered")]


async def test_during_an_outage_the_provider_is_not_asked_and_afterwards_it_is_again(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    model.always = lambda _: Completion(status=401)
    async with daemon_with(folder, talkme, model, circuit_failures=2, circuit_pause=0.5) as daemon:
        await say(daemon)
        await say(daemon)
        await say(daemon)
        assert len(model.requests) == 2
        assert await consultants(daemon) == [("openai", "not asked"), ("offline", "answered")]
        check = (await daemon.get("/webhook/talkme/health")).json()["checks"]["consultant"]
        assert check["status"] == "degraded"
        assert "401" in check["detail"]
        assert "not asked for another" in check["detail"]
        model.always = lambda _: Completion(["Я снова здесь."])

        async def answered_by_the_model() -> bool:
            await say(daemon)
            return talkme.sent()[-1] == "Я снова здесь."

        await eventually(answered_by_the_model)
        assert (await daemon.get("/webhook/talkme/health")).json()["checks"]["consultant"]["status"] == "ok"


def admitted(circuit: Circuit) -> Admission:
    admission = circuit.admitted()
    assert admission
    return admission


def test_after_the_pause_one_caller_tries_and_the_others_do_not_wait_for_him() -> None:
    clock = FakeClock()
    circuit = Circuit(clock, failures=2, pause=30)
    for _ in range(2):
        circuit.failed(admitted(circuit))
    assert not circuit.admitted()
    assert circuit.opens_in == 30
    clock.advance(31)
    tester = admitted(circuit)
    assert not circuit.admitted()
    circuit.failed(tester)
    assert not circuit.admitted(), "it did not go well: another pause"
    clock.advance(31)
    circuit.released(admitted(circuit))
    circuit.succeeded(admitted(circuit))  # whoever never learned does not block the others
    assert circuit.admitted()
    assert circuit.admitted()


@pytest.mark.parametrize("told", [Circuit.released, Circuit.failed, Circuit.succeeded])
def test_whoever_was_asking_before_an_outage_neither_ends_it_nor_lets_another_try_beside_the_one_who_does(
    told: Callable[[Circuit, Admission], None],
) -> None:
    clock = FakeClock()
    circuit = Circuit(clock, failures=2, pause=30)
    early = admitted(circuit)
    for _ in range(2):
        circuit.failed(admitted(circuit))
    clock.advance(31)
    tester = admitted(circuit)
    told(circuit, early)
    assert not circuit.admitted()
    assert circuit.opens_in == 0, "nor does it wait longer"
    circuit.succeeded(tester)
    assert circuit.admitted()


async def test_who_has_to_wait_hears_that_he_is_not_forgotten_once(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    held = asyncio.Event()
    model.script.append(Completion(["48 рублей", "."], until=held))
    async with daemon_with(folder, talkme, model, filler_after=0.1) as daemon:
        saying = asyncio.create_task(say(daemon))
        await eventually(talkme.sent)
        held.set()
        await saying
        assert talkme.sent() == [PHRASES.filler, "48 рублей."]
        lines = (await daemon.get("/webhook/talkme/session/anna")).json()["transcript"]
        assert [line["text"] for line in lines] == [QUESTION, "48 рублей."]
        assert ("filler", {"outcome": "taken"}) in await timeline(daemon)


async def test_a_filler_that_talkme_does_not_take_harms_nothing(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    held = asyncio.Event()
    talkme.script["send"].append(Answer(status=400))
    model.script.append(Completion(["48 рублей", "."], until=held))
    async with daemon_with(folder, talkme, model, filler_after=0.1) as daemon:
        saying = asyncio.create_task(say(daemon))
        await eventually(talkme.sent)
        held.set()
        assert (await saying).status_code == 200
        assert talkme.sent()[-1] == "48 рублей."


async def test_who_is_answered_at_once_hears_no_filler(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    model.script.append(Completion(["48 рублей."]))
    async with daemon_with(folder, talkme, model, filler_after=20) as daemon:
        await say(daemon)
        assert talkme.sent() == ["48 рублей."]


async def test_a_message_that_waited_for_the_one_before_it_says_for_which(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    held = asyncio.Event()
    model.script.append(Completion(["48 рублей."], until=held, silent=True))
    async with daemon_with(folder, talkme, model) as daemon:

        async def lines() -> list[dict[str, Any]]:
            answer = (await daemon.get("/webhook/talkme/session/anna")).json()
            return [line for line in answer.get("transcript", []) if line["role"] == "caller"]

        first = asyncio.create_task(say(daemon))
        await eventually(lambda: len(model.requests) == 1)
        second = asyncio.create_task(say(daemon))
        before, _ = await eventually(lines, lambda told: len(told) == 2)
        held.set()
        await asyncio.gather(first, second)
        waited = dict(await timeline(daemon))["waited"]
        seconds = spent((await lines())[-1]["timeline"])
    assert waited["behind"] == before["message_id"]
    assert waited["seconds"] > 0
    assert seconds[BEHIND] == waited["seconds"]


async def test_the_timeline_tells_what_happened_and_nothing_of_what_was_said(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    talkme.script["send"].append(Answer(status=500))
    taken = {"prompt_tokens": 812, "completion_tokens": 9}
    model.script.append(Completion(["48 рублей, ", "Анна."], functions=[("end_conversation", "{}")], usage=taken))
    async with daemon_with(folder, talkme, model) as daemon:
        await say(daemon, f"Меня зовут Анна. {QUESTION}")
        events = await timeline(daemon)
        lines = (await daemon.get("/webhook/talkme/session/anna")).json()["transcript"]
    assert [event for event, _ in events if event != "typing"] == [
        *("accepted", "claimed", "knowledge", "first token", "model call", "consultant"),
        *("attempt", "send", "finish", "sent"),
    ]
    details = dict(events)
    assert details["claimed"]["attempt"] == 1
    assert details["knowledge"]["rows"] >= 1
    assert 0 < details["knowledge"]["confidence"] <= 1
    assert details["model call"] == {"by": "openai", "attempts": 1, **taken}
    assert details["consultant"]["by"] == "openai"
    assert (details["send"]["outcome"], details["send"]["attempts"]) == ("taken", 2)
    assert (details["attempt"]["call"], details["attempt"]["outcome"]) == ("send", "500")
    assert details["typing"]["outcome"] == "200"
    assert details["finish"]["code"] == "SUCCESS"
    assert not {"Анна", "48", "маникюр"} & set(str(events).replace("'", " ").split())
    assert lines[1]["timeline"] == []


async def test_the_codes_of_the_end_are_those_of_the_cabinet(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer
) -> None:
    settings = settings_for(folder, talkme.url, talkme={"code_end": "BYE"})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as daemon:
        await say(daemon, "До свидания")
    assert [call.body for call in talkme.of("finish")] == [{"code": "BYE"}]
