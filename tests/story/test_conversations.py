"""The conversations in `scenarios/`, held with the shipped files: offline, and with a model that is scripted."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from mock_server.app import create_app
from mock_server.caller import open_call
from mock_server.scenario import judged, scenarios
from mock_server.serving import listen, running
from tests.daemon import running_daemon, settings_for
from tests.model_server import Completion, model_server

ROOT = Path(__file__).parents[2]
SCENARIOS = scenarios(ROOT / "scenarios")


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """The mock configures uvicorn's loggers for its process, which here is that of all tests."""
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")]
    before = [(logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    yield
    for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


def as_a_model_would(request: dict[str, Any]) -> Completion:
    """A model that does what its prompt says, in the simplest way: it decides by a few words, and else tells the first
    row that it was given."""
    asked = request["messages"][-1]["content"].removeprefix("<реплика>").removesuffix("</реплика>").lower()
    if request["messages"][-1]["role"] == "system":
        return Completion(["Точно сказать не могу, соединить вас с администратором?"])
    for words, completion in DECISIONS.items():
        if re.search(words, asked):
            return completion
    return Completion(told(request["messages"][0]["content"], asked))


DECISIONS: Mapping[str, Completion] = {
    r"до свидания": Completion(["Спасибо за звонок, ", "до свидания!"], functions=[("end_conversation", "{}")]),
    r"человек|опух": Completion(["Соединяю с администратором."], functions=[("transfer_to_operator", "{}")]),
    r"сергей": Completion(
        ["Здравствуйте, ", "Сергей!"],
        functions=[("remember_client", json.dumps({"name": "Сергей", "gender": "male"}, ensure_ascii=False))],
    ),
    r"рубль$": Completion(["Маникюр классический стоит один рубль."]),
    r"80291112233": Completion(["Звоните по номеру +375 29 111-22-33."]),
    r"записана": Completion(["О записях других клиентов я не рассказываю."]),
    r"погода": Completion(["О погоде ничего не знаю. Помочь с услугами салона?"]),
    r"^здравствуйте$": Completion(["Здравствуйте! ", "Чем помочь?"]),
    r"^спасибо": Completion(["Пожалуйста! Чем ещё помочь?"]),
}


def told(system: str, asked: str) -> list[str]:
    """The first row between the brackets, in the model's own careless way of writing."""
    rows = system.rpartition("<сведения>\n")[2].partition("\n</сведения>")[0].split("\n---\n")
    fields = dict(line.split(": ", 1) for line in rows[0].splitlines() if ": " in line)
    if "Ответ" in fields:
        return [f"**{fields['Ответ']}**"]
    if re.search("длится|занимает", asked):
        return [f"{fields['Услуга']}: {int(fields['Длительность, мин']) // 60} ч."]
    return [f"- {fields['Услуга']} ", f"— {fields['Цена, BYN']} руб. 💅"]


@asynccontextmanager
async def daemon_and_mock(folder: Path, **agent: object) -> AsyncIterator[tuple[str, str]]:
    """A daemon with the shipped files, and the mock TalkMe through which it answers."""
    sock = listen("127.0.0.1", 0)
    mock = f"http://127.0.0.1:{sock.getsockname()[1]}"
    knowledge = {"path": ROOT / "knowledge"}
    async with (
        running(create_app(), sock),
        running_daemon(settings_for(folder, f"{mock}/", knowledge=knowledge, agent=agent)) as daemon,
    ):
        yield daemon, mock


async def problems(daemon: str, mock: str) -> list[str]:
    """What is wrong with the answers of all scenarios."""
    found = []
    async with httpx.AsyncClient(timeout=30) as http:
        for file, scenario in SCENARIOS:
            call = await open_call(http, daemon=daemon, mock=mock, phone=scenario.phone, name=scenario.name)
            for line in scenario.say:
                outcome = judged(line, await call.say(line.text))
                found += [f"{file.name}: {each} ({outcome.said.replies})" for each in outcome.problems]
    return found


def test_there_are_enough_of_them() -> None:
    assert len(SCENARIOS) >= 15


async def test_the_offline_consultant_holds_them_all(tmp_path: Path) -> None:
    async with daemon_and_mock(tmp_path) as (daemon, mock):
        assert await problems(daemon, mock) == []


@pytest.mark.parametrize("mode", ["whole", "sentences"])
async def test_a_model_holds_them_all(tmp_path: Path, mode: str) -> None:
    async with model_server() as model:
        model.always = as_a_model_would
        agent = {"api_key": "sk-test", "base_url": model.url, "reply_mode": mode}
        async with daemon_and_mock(tmp_path, **agent) as (daemon, mock):
            assert await problems(daemon, mock) == []
            async with httpx.AsyncClient() as http:
                stats = (await http.get(f"{daemon}/webhook/talkme/stats")).json()
    assert set(stats["answered_by"]) == {"openai"}
