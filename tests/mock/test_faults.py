"""Faults on purpose: how they are written, how often they come, and what each does to a real connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from mock_server.app import create_app
from mock_server.faults import KINDS, ChaosError, Faults, Side, parse
from mock_server.model_answers import INVENTED
from mock_server.openai_api import Model
from mock_server.serving import Server
from tests.cli.terminal import iteira
from tests.mock.serving import in_thread

TOKEN = "token-of-the-salon"
EVERYTHING = (
    "http500=10%,drop=5%,slow=2s@5%,truncate=5%,success_false=3%,rate_limit=1s@1%,stall=60s@1%,"
    "dup=5%,reorder=5%,delay=0.2s@5%,malformed=5%,model_500=1%,model_cut=2.5%"
)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def url(faults: Faults) -> Iterator[str]:
    model = Model(first_token=0, tokens_per_second=100_000)
    with in_thread(Server(create_app(faults=faults, model=model))) as url:
        yield url


@pytest.fixture
def call(url: str) -> dict[str, Any]:
    dialog: dict[str, Any] = httpx.post(f"{url}/calls", json={"token": TOKEN}).json()
    return dialog


def send(url: str, timeout: float = 10) -> httpx.Response:
    body = {"content": {"text": "Здравствуйте"}}
    return httpx.post(f"{url}/customBot/send", json=body, headers={"X-Token": TOKEN}, timeout=timeout)


def events(url: str, call: dict[str, Any]) -> list[tuple[str, bool]]:
    """Kind of each event, and whether the daemon was told of it."""
    kept = httpx.get(f"{url}/calls/{call['id']}").json()["events"]
    return [(event["kind"], event["confirmed"]) for event in kept]


def test_a_description_reads_and_writes_the_same() -> None:
    assert Faults(EVERYTHING).chaos == EVERYTHING
    assert parse("") == parse("  ") == ()
    assert str(parse("stall=1%")[0]) == "stall=60s@1%"


@pytest.mark.parametrize(
    ("chaos", "complaint"),
    [
        ("htp500=10%", "no fault is called 'htp500': did you mean http500?"),
        ("xyz=10%", "no fault is called 'xyz': there are http500, drop,"),
        ("http500", "'http500': expected http500=5%"),
        ("http500=ten", "'http500=ten': expected http500=5%"),
        ("http500=0.1", "'http500=0.1': expected http500=5%"),
        ("slow=fast@5%", "'slow=fast@5%': expected slow=2s@5%"),
        ("drop=2s@5%", "'drop=2s@5%': expected drop=5%"),
        ("slow=700s@5%", "at most 100% and 600s"),
        ("drop=101%", "at most 100%"),
        ("drop=60%,stall=60%", "the faults of talkme are 120% together"),
        ("drop=1%,drop=2%", "drop is named 2 times"),
        ("drop=1%,,", "expected faults like http500=10%"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_is_expected(chaos: str, complaint: str) -> None:
    with pytest.raises(ChaosError) as told:
        Faults(chaos)
    assert complaint in str(told.value)


def test_faults_come_as_often_as_they_are_said_to_and_the_seed_repeats_them() -> None:
    def drawn(seed: int) -> list[str | None]:
        faults = Faults("http500=10%,drop=5%", seed)
        return [fault.name if (fault := faults.draw(Side.TALKME)) else None for _ in range(20_000)]

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    # Four standard deviations of a binomial distribution.
    assert first.count("http500") == pytest.approx(2000, abs=4 * (20_000 * 0.1 * 0.9) ** 0.5)
    assert first.count("drop") == pytest.approx(1000, abs=4 * (20_000 * 0.05 * 0.95) ** 0.5)


def test_a_side_meets_only_its_own_faults() -> None:
    faults = Faults("http500=100%,dup=100%")
    assert faults.draw(Side.MODEL) is None
    assert [fault.name for side in Side if (fault := faults.draw(side))] == ["http500", "dup"]
    assert faults.met == {"http500": 1, "dup": 1}


@pytest.mark.parametrize(
    ("chaos", "status", "answer"),
    [
        ("http500=100%", 500, "Internal Server Error"),
        ("success_false=100%", 200, "Внутренняя ошибка, попробуйте позже"),
        ("rate_limit=3s@100%", 429, "Слишком много запросов"),
    ],
)
def test_a_refusal_is_told_and_nothing_is_done(
    url: str, faults: Faults, call: dict[str, Any], chaos: str, status: int, answer: str
) -> None:
    faults.set(chaos)
    response = send(url)
    assert (response.status_code, response.json()) == (status, {"success": False, "error": {"descr": answer}})
    assert response.headers.get("retry-after") == ("3" if status == 429 else None)
    assert events(url, call) == [("fault", True)]


def test_a_dropped_connection_has_no_answer_and_the_reply_is_there_or_not(
    url: str, faults: Faults, call: dict[str, Any]
) -> None:
    faults.set("drop=100%", seed=1)
    for _ in range(20):
        with pytest.raises(httpx.TransportError):  # closed, or reset where the body was not read
            send(url)
    kept = events(url, call)
    assert kept.count(("fault", True)) == 20
    assert 0 < kept.count(("reply", False)) < 20
    assert ("reply", True) not in kept


def test_a_truncated_answer_promises_more_than_it_holds(url: str, faults: Faults, call: dict[str, Any]) -> None:
    faults.set("truncate=100%")
    body = b'{"content":{"text":"Hello"}}'
    head = f"POST /customBot/send HTTP/1.1\r\nHost: mock\r\nX-Token: {TOKEN}\r\nContent-Type: application/json\r\n"
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b"".join(iter(lambda: sock.recv(4096), b""))
    headers, _, half = received.partition(b"\r\n\r\n")
    assert headers.startswith(b"HTTP/1.1 200 OK")
    assert half == b'{"success":tru'
    assert b"content-length: 28" in headers
    assert events(url, call) == [("fault", True), ("reply", False)]


def test_a_slow_answer_comes_and_whoever_does_not_wait_for_it_has_asked_for_nothing(
    url: str, faults: Faults, call: dict[str, Any]
) -> None:
    faults.set("slow=50ms@100%")
    assert send(url).json() == {"success": True, "result": {}}
    faults.set("slow=30s@100%")
    with pytest.raises(httpx.ReadTimeout):
        send(url, timeout=0.2)
    faults.set("")
    send(url)
    assert events(url, call) == [("fault", True), ("reply", True), ("fault", True), ("reply", True)]


def test_a_stalled_call_is_never_answered(url: str, faults: Faults, call: dict[str, Any]) -> None:
    faults.set("stall=30s@100%")
    with pytest.raises(httpx.ReadTimeout):
        send(url, timeout=0.2)
    faults.set("stall=50ms@100%")
    with pytest.raises(httpx.TransportError):
        send(url)
    assert events(url, call) == [("fault", True)] * 2


def test_faults_are_shown_and_changed_by_http(url: str, call: dict[str, Any]) -> None:
    put = httpx.put(f"{url}/faults", json={"chaos": "http500=100%", "seed": 7})
    assert put.status_code == 200
    assert send(url).status_code == 500
    shown = httpx.get(f"{url}/faults").json()
    assert {key: shown[key] for key in ("chaos", "seed", "met")} == {
        "chaos": "http500=100%",
        "seed": 7,
        "met": {"http500": 1},
    }
    assert {fault["name"] for fault in shown["known"]} == set(KINDS)
    wrong = httpx.put(f"{url}/faults", json={"chaos": "http500"})
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "'http500': expected http500=5%")
    assert send(url).status_code == 500, "what cannot be read changes nothing"
    assert httpx.put(f"{url}/faults", json={"chaos": ""}).json()["chaos"] == ""
    assert send(url).status_code == 200


async def completion(url: str, timeout: float = 10, *, stream: bool = True) -> str:
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=timeout) as client:
        if not stream:
            whole = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Привет"}])
            return whole.choices[0].message.content or ""
        chunks = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Привет"}], stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])


@pytest.mark.parametrize(
    ("chaos", "error"),
    [
        ("model_500=100%", openai.InternalServerError),
        ("model_429=100%", openai.RateLimitError),
        ("model_timeout=30s@100%", openai.APITimeoutError),
        ("model_timeout=50ms@100%", openai.APIConnectionError),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_model_that_fails_at_once_fails_as_openai_does(
    url: str, faults: Faults, chaos: str, error: type[Exception], stream: bool
) -> None:
    faults.set(chaos)
    with pytest.raises(error):
        await completion(url, timeout=0.5, stream=stream)


@pytest.mark.parametrize("chaos", ["model_cut=100%", "model_json=100%", "model_stall=50ms@100%"])
async def test_a_stream_that_breaks_says_something_first(url: str, faults: Faults, chaos: str) -> None:
    faults.set(chaos)
    heard: list[str] = []

    async def listen() -> None:
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
            messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Привет"}]
            async for chunk in await client.chat.completions.create(model="m", messages=messages, stream=True):
                heard.append(chunk.choices[0].delta.content or "")

    # The client wraps an error of the transport; one of the parser it lets through.
    with pytest.raises((openai.APIConnectionError, ValueError)):
        await listen()
    assert "".join(heard) == "Здравствуйте! Чем"


async def test_a_stalled_stream_says_nothing_more(url: str, faults: Faults) -> None:
    faults.set("model_stall=30s@100%")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await completion(url)
    faults.set("")
    assert await completion(url) == "Здравствуйте! Чем могу помочь?"


async def test_a_slow_model_answers_all_the_same(url: str, faults: Faults) -> None:
    faults.set("model_slow=50ms@100%")
    assert await completion(url) == "Здравствуйте! Чем могу помочь?"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_inventing_model_names_what_stands_nowhere(url: str, faults: Faults, stream: bool) -> None:
    faults.set("model_invent=100%")
    assert await completion(url, stream=stream) == f"Здравствуйте! Чем могу помочь? {INVENTED}"


def test_chaos_that_cannot_be_read_is_wrong_usage() -> None:
    for command in ("mock", "dev"):
        process = iteira(command, "--chaos", "htp500=10%")
        assert (process.returncode, process.stdout) == (2, "")
        assert "--chaos: no fault is called 'htp500': did you mean http500?" in process.stderr
