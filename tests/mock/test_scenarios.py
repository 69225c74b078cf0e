"""`iteira simulate-call --scenario`: written calls are played and judged."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from iteira_cli.completion import scenario_names
from iteira_cli.errors import Usage
from iteira_cli.mock_address import answers
from iteira_cli.scenarios import read
from mock_server.app import create_app
from mock_server.caller import Said
from mock_server.scenario import Line, judged
from mock_server.serving import Server
from tests.cli.terminal import iteira
from tests.mock.daemon_double import SENT, DaemonDouble, TalkMe
from tests.mock.serving import in_thread
from tests.polling import eventually

GOOD = """
title = "Прощание"
phone = "+375291234567"

[[say]]
text = "Привет"
contains = ["ответ"]
not_contains = ["рубл"]
ends = false

[[say]]
text = "до свидания"
ends = true
transfers = false
latency_below = 30.0
"""
WRONG = """
title = "Цена"

[[say]]
text = "Сколько стоит?"
contains = ["42 рубля"]
"""


async def answer_or_leave(talkme: TalkMe, text: str) -> dict[str, Any]:
    await talkme.send(f"Ответ: {text}")
    if "до свидания" not in text:
        return SENT
    await talkme("finish", {"code": "SUCCESS"})
    return SENT | {"end_conversation": True}


@pytest.fixture
def daemon(mock_url: str) -> DaemonDouble:
    return DaemonDouble(f"{mock_url}/", answer_or_leave)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1-good.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "2-wrong.toml").write_text(WRONG, encoding="utf-8")
    return tmp_path


def simulate(daemon_url: str, mock_url: str, *arguments: str) -> Any:
    return iteira("simulate-call", "--url", daemon_url, "--mock", mock_url, *arguments)


def test_a_scenario_that_goes_as_written_passes(daemon_url: str, mock_url: str, folder: Path) -> None:
    result = simulate(daemon_url, mock_url, "--scenario", str(folder / "1-good.toml"))
    assert result.returncode == 0, result.stderr
    assert "Прощание" in result.stdout
    assert "ok" in result.stdout


def test_of_a_folder_all_are_played_and_what_is_wrong_is_told(daemon_url: str, mock_url: str, folder: Path) -> None:
    result = simulate(daemon_url, mock_url, "--scenario", str(folder))
    assert result.returncode == 1
    assert "2-wrong.toml: «Сколько стоит?»: «42 рубля» is not in the answer" in result.stdout
    assert "heard: Ответ: Сколько стоит?" in result.stdout
    assert "1 of 2 scenarios failed" in result.stderr


def test_as_json_it_is_one_document(daemon_url: str, mock_url: str, folder: Path) -> None:
    result = simulate(daemon_url, mock_url, "--scenario", str(folder), "--json")
    document = json.loads(result.stdout)
    assert result.returncode == 1
    assert (document["passed"], document["failed"]) == (1, 1)
    good, wrong = document["scenarios"]
    assert (good["title"], good["passed"], good["lines"][1]["finish_code"]) == ("Прощание", True, "SUCCESS")
    assert wrong["lines"][0]["problems"] == ["«42 рубля» is not in the answer"]
    assert wrong["lines"][0]["replies"] == ["Ответ: Сколько стоит?"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("title = 'x'", "say: Field required"),
        ("title = 'x'\n[[say]]\ntext = 'y'\ncontain = ['z']", "say.0.contain"),
        ("title =", "TOML is expected"),
        ("title = 'x'\n[[say]]\ntext = 'y'\nlatency_below = -1", "say.0.latency_below"),
    ],
)
def test_a_file_that_is_no_scenario_is_named_with_what_is_wrong(tmp_path: Path, written: str, told: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(written, encoding="utf-8")
    result = iteira("simulate-call", "--scenario", str(file))
    assert result.returncode == 2
    assert "bad.toml" in result.stderr
    assert told in result.stderr


def test_an_empty_folder_and_words_beside_a_scenario_are_refused(tmp_path: Path) -> None:
    assert iteira("simulate-call", "--scenario", str(tmp_path)).returncode == 2
    assert iteira("simulate-call", "--scenario", str(tmp_path), "--say", "Привет").returncode == 2


@pytest.mark.parametrize(
    ("expected", "said", "problems"),
    [
        ({"contains": ["ЁЛКА"]}, {"replies": ["Зелёная елка."]}, 0),
        ({"not_contains": ["елка"]}, {"replies": ["Ёлка."]}, 1),
        ({"ends": True}, {"end_conversation": False}, 1),
        ({"ends": False}, {"end_conversation": True}, 1),
        ({"transfers": True}, {"finish_code": "OPERATOR_REQUEST"}, 0),
        ({"transfers": True}, {"finish_code": "SUCCESS"}, 1),
        ({"transfers": False}, {"finish_code": "OPERATOR_REQUEST"}, 1),
        ({"latency_below": 0.5}, {"latency": 0.5}, 1),
        ({"latency_below": 0.5}, {"latency": 0.4}, 0),
        ({}, {"error": "no reply"}, 1),
    ],
)
def test_an_answer_is_judged_by_what_is_expected(expected: dict[str, Any], said: dict[str, Any], problems: int) -> None:
    assert len(judged(Line(text="…", **expected), Said("…", **said)).problems) == problems


@pytest.fixture
def forgetful(daemon: DaemonDouble) -> None:
    """Every second call is answered otherwise."""
    counted = count(1)

    async def answer(talkme: TalkMe, text: str) -> dict[str, Any]:
        await talkme.send("42 рубля" if next(counted) % 2 else "Не знаю \x07")
        return SENT

    daemon.turn = answer


@pytest.mark.usefixtures("forgetful")
def test_a_repeated_scenario_has_a_pass_rate_and_fails_if_one_call_does(
    daemon_url: str, mock_url: str, folder: Path
) -> None:
    file, times = str(folder / "2-wrong.toml"), ("--repeat", "4")
    shown = simulate(daemon_url, mock_url, "--scenario", file, *times)
    document = json.loads(simulate(daemon_url, mock_url, "--scenario", file, *times, "--json").stdout)

    assert shown.returncode == 1
    assert "2 of 4 (50%)" in shown.stdout
    assert "2-wrong.toml, call 2: «Сколько стоит?»: «42 рубля» is not in the answer" in shown.stdout
    assert "2 of 4 calls failed: pass rate 50.0%" in shown.stderr
    assert (document["passed"], document["failed"], document["pass_rate"]) == (2, 2, 0.5)
    assert [each["attempt"] for each in document["scenarios"]] == [1, 2, 3, 4]
    assert document["rates"] == [{"file": file, "title": "Цена", "calls": 4, "passed": 2, "pass_rate": 0.5}]


def test_what_is_said_by_hand_can_be_repeated(daemon_url: str, mock_url: str, daemon: DaemonDouble) -> None:
    result = simulate(daemon_url, mock_url, "--say", "раз", "--say", "два", "--repeat", "3", "--name", "Анна")
    assert (result.returncode, "3 of 3 (100%)" in result.stdout) == (0, True)
    assert [body["message"]["text"] for body in daemon.received] == ["раз", "два"] * 3
    assert len({body["client"]["clientId"] for body in daemon.received}) == 3
    assert {body["client"]["name"] for body in daemon.received} == {"Анна"}


@pytest.mark.usefixtures("forgetful")
def test_a_ci_server_can_read_the_results(daemon_url: str, mock_url: str, folder: Path, tmp_path: Path) -> None:
    file, written = folder / "2-wrong.toml", tmp_path / "results.xml"
    result = simulate(daemon_url, mock_url, "--scenario", str(file), "--repeat", "2", "--junit", str(written))

    assert result.returncode == 1
    root = ElementTree.parse(written).getroot()
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "2", "1", "0")
    (suite,) = root.findall("testsuite")
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("2-wrong.toml", "2", "1")
    good, wrong = suite.findall("testcase")
    assert (good.get("name"), good.get("file"), good.find("failure")) == ("Цена (1 of 2)", str(file), None)
    assert good.get("classname") == wrong.get("classname") == "iteira.simulate-call.2-wrong.toml"
    assert all(float(case.get("time", "")) > 0 for case in (good, wrong))
    failure, heard = wrong.find("failure"), wrong.findtext("system-out")
    assert failure is not None
    assert failure.get("message") == "«Сколько стоит?»: «42 рубля» is not in the answer"
    assert heard == "Вы: Сколько стоит?\nКонсультант: Не знаю \ufffd", "XML has no place for control characters"


def test_calls_that_could_not_be_made_are_errors_in_the_results(tmp_path: Path) -> None:
    server = Server(create_app())
    with in_thread(server) as mock:

        async def answer_and_take_the_mock_away(talkme: TalkMe, text: str) -> dict[str, Any]:
            await talkme.send(text)
            server.should_exit = True
            await eventually(lambda: not answers(mock))
            return SENT

        with in_thread(DaemonDouble(f"{mock}/", answer_and_take_the_mock_away).server()) as daemon_url:
            written = tmp_path / "results.xml"
            result = simulate(daemon_url, mock, "--say", "раз", "--repeat", "3", "--junit", str(written))

    assert result.returncode == 1
    assert f"--say, call 3: the mock at {mock} does not answer" in result.stdout
    root = ElementTree.parse(written).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "2")
    told = [case.find("error") for case in root.iter("testcase")]
    assert [error is None for error in told] == [True, False, False]
    assert f"the mock at {mock} does not answer" in str(told[1] is not None and told[1].get("message"))


def test_results_that_could_not_be_written_are_refused_before_a_call(tmp_path: Path) -> None:
    for place, told in ((tmp_path, "a file is expected"), (tmp_path / "no" / "x.xml", "there is no folder")):
        result = iteira("simulate-call", "--say", "Привет", "--junit", str(place))
        assert (result.returncode, told in result.stderr) == (2, True)
    nothing = iteira("simulate-call", "--repeat", "2")
    assert (nothing.returncode, "--scenario or --say is expected" in nothing.stderr) == (2, True)


def test_a_written_call_can_be_named_without_its_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    text = 'title = "Привет"\n[[say]]\ntext = "Привет"\n'
    (tmp_path / "scenarios" / "07-greeting.toml").write_text(text, encoding="utf-8")
    for name in ("greeting", "07-greeting", "scenarios/07-greeting.toml"):
        ((_, scenario),) = read(Path(name))
        assert scenario.title == "Привет"
    assert scenario_names("gr") == ["greeting"]
    with pytest.raises(Usage, match="no file, folder or scenario farewell") as refused:
        read(Path("farewell"))
    assert refused.value.hint == "in scenarios/ there are: greeting"
