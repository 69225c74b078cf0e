"""`iteira simulate-load` against a real daemon, and what it refuses before a call is made."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from iteira_cli.charts import Line, bars, lines
from iteira_cli.errors import Usage
from iteira_cli.load_page import doubts
from iteira_cli.processes import consumption
from iteira_cli.thresholds import threshold
from mock_server.app import create_app
from mock_server.openai_api import Model
from mock_server.serving import Server
from tests.daemon import running_daemon, settings_for
from tests.mock.serving import in_thread
from tests.ports import free_port

from .terminal import IteiraProcess, iteira

WRITTEN = """
title = "Знакомство"
say = [{ text = "Здравствуйте" }, { text = "какой у вас адрес" }, { text = "какой у вас адрес" }]
"""
FIGURES: dict[str, float | None] = {"p95": 1.0, "lost": 0, "error_rate": 0.02, "throughput": 99.0, "p50": None}


@pytest.mark.parametrize(
    ("condition", "crossed"),
    [
        ("p95>900ms", True),
        ("p95 > 1s", False),
        ("p95>=1.0s", True),
        ("lost>0", False),
        ("lost<=0", True),
        ("error_rate>1%", True),
        ("error_rate>2%", False),
        ("throughput<100", True),
        ("p50>99s", True),
    ],
)
def test_a_condition_is_met_or_not_and_always_where_there_is_no_figure(condition: str, crossed: bool) -> None:
    assert threshold(condition).crossed(FIGURES) is crossed


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ("p95", "expected a condition like 'p95>1.5s'"),
        ("p95=1s", "expected a condition like"),
        ("p96>1s", "no figure is called p96; there are p50, p90"),
        ("p95>1", "p95 is compared with a value like 1.5s or 200ms"),
        ("lost>1%", "lost is compared with a value like 10, without a unit"),
        ("error_rate>1", "error_rate is compared with a value like 1%"),
    ],
)
def test_a_condition_that_cannot_be_read_is_told(condition: str, complaint: str) -> None:
    with pytest.raises(Usage) as told:
        threshold(condition)
    assert complaint in str(told.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--rate", "5", "--concurrency", "5"), "one of them is expected"),
        (("--report", "load.pdf"), "a file that ends with .html is expected"),
        (("--report", "nowhere/load.html"), "there is no folder nowhere"),
        (("--think-time", "soon"), "'soon' is no length of time"),
        (("--duration", "0s"), "more than 0s is expected"),
        (("--scenarios", "scenarios", "--turns", "2"), "--scenarios and --turns: one of them is expected"),
        (("--scenarios", "nowhere.toml"), "nowhere.toml: a readable file in UTF-8 is expected"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_looked_for(options: tuple[str, ...], complaint: str) -> None:
    refused = iteira("simulate-load", *options)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert complaint in " ".join(refused.stderr.split())


def test_faults_that_there_are_not_and_reports_that_are_none_are_wrong_usage(nobody: str, tmp_path: Path) -> None:
    (tmp_path / "before.json").write_text("{}")
    earlier = iteira("simulate-load", "--url", nobody, "--compare", "before.json")
    assert (earlier.returncode, "the .json of an earlier --report" in earlier.stderr) == (2, True)
    chaos = iteira("simulate-load", "--url", nobody, "--chaos", "htp500=1%")
    assert (chaos.returncode, "did you mean http500" in chaos.stderr) == (2, True)
    assert iteira("simulate-load", "--url", nobody).returncode == 3


Load = Callable[..., Awaitable[IteiraProcess]]
"""Ten messages in five calls, with these options beside."""


@pytest.fixture
def mock() -> str:
    """Where a load runs a mock of its own."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
async def load(mock: str, tmp_path: Path) -> AsyncIterator[Load]:
    async with running_daemon(settings_for(tmp_path, f"{mock}/")) as daemon:

        async def load(*options: str, turns: Sequence[str] = ("--calls", "5", "--turns", "2")) -> IteiraProcess:
            common = ("simulate-load", "--url", daemon, "--mock", mock, "--rate", "20", *turns)
            return await asyncio.to_thread(iteira, *common, *options)

        yield load


async def test_a_load_is_measured_judged_reported_and_compared(load: Load, tmp_path: Path) -> None:
    first = await load("--json", "--report", "first.html", "--seed", "1")
    again = await load("--compare", "first.json", "--fail-if", "p50<60s", "--fail-if", "lost>0")
    other = await load("--compare", "first.json", turns=("--calls", "3", "--turns", "2"))

    document = json.loads(first.stdout)
    assert first.returncode == 0, first.stderr
    assert (document["calls"], document["messages"], document["plan"]["seed"]) == (5, 10, 1)
    assert document["verdict"] == {
        **dict.fromkeys(("failed", "expired", "refused", "lost", "doubled", "out_of_order", "stray", "repeated"), 0),
        "fillers": 0,
        "clean": True,
        "daemon_asked": True,
        "accepted": 10,
        "answered": 10,
    }
    assert 0 < document["latency"]["p50"] <= document["latency"]["p99"] <= document["latency"]["max"]
    assert document["latency"]["count"] == document["webhook"]["count"] == 10
    written = json.loads((tmp_path / "first.json").read_text(encoding="utf-8"))
    assert (
        sum(second["said"] for second in written["series"]) == sum(bar["count"] for bar in written["histogram"]) == 10
    )
    page = (tmp_path / "first.html").read_text(encoding="utf-8")
    assert "Clean: nothing lost, doubled or out of order." in page
    assert not re.search(r"(?:src|href)=|url\(|<script", page), "a report needs nothing from elsewhere"
    assert page.count("<svg") == 6

    assert "not the same load as then (calls)" in other.stderr
    assert "not the same load" not in again.stderr
    assert again.returncode == 1
    assert "p50<60s (measured" in again.stderr
    assert re.search(r"^lost>0 +0 +kept", again.stdout, re.MULTILINE)
    assert re.search(r"^latency\.p50 +\d", again.stdout, re.MULTILINE)


async def test_no_load_is_answered_through_another_talkme(load: Load, mock: str) -> None:
    elsewhere = await load("--mock", f"http://127.0.0.1:{free_port()}")
    assert elsewhere.returncode == 1
    assert f"answers through {mock}/, not through the mock at" in elsewhere.stderr
    assert "BASE_URL_TALKME=http://127.0.0.1:" in elsewhere.stderr


async def test_written_calls_are_a_load_that_is_judged_by_turns(load: Load, tmp_path: Path) -> None:
    (tmp_path / "name.toml").write_text(WRITTEN, encoding="utf-8")
    written_calls = await load(
        *("--scenarios", str(tmp_path / "name.toml"), "--chaos", "drop=20%,dup=20%,reorder=20%"),
        *("--seed", "5", "--json"),
        turns=("--calls", "4"),
    )
    assert written_calls.returncode == 0, written_calls.stderr
    of_written = json.loads(written_calls.stdout)
    assert of_written["plan"]["scenarios"] == ["name.toml"]
    assert (of_written["verdict"]["answered"], of_written["verdict"]["clean"]) == (12, True)


async def test_a_load_that_is_disturbed_on_purpose_stays_clean(load: Load) -> None:
    chaotic = await load("--json", "--chaos", "http500=20%,truncate=20%,dup=20%,reorder=20%", "--seed", "4")
    document = json.loads(chaotic.stdout)
    assert chaotic.returncode == 0, chaotic.stderr
    assert document["verdict"]["clean"]
    assert set(document["faults_met"]) & {"http500", "truncate"}


async def test_a_filler_is_no_stray_reply_and_no_lost_turn(tmp_path: Path) -> None:
    (tmp_path / "name.toml").write_text(WRITTEN, encoding="utf-8")
    model = Model(first_token=0.3, tokens_per_second=10_000)
    with in_thread(Server(create_app(model=model))) as mock:
        agent = {"provider": "openai", "base_url": f"{mock}/v1", "api_key": "any", "filler_after": 0.05}
        async with running_daemon(settings_for(tmp_path, f"{mock}/", agent=agent)) as daemon:
            load = ("simulate-load", "--url", daemon, "--mock", mock, "--calls", "2", "--json")
            by_mark = await asyncio.to_thread(iteira, *load, "--turns", "2")
            by_turn = await asyncio.to_thread(iteira, *load, "--scenarios", "name.toml", "--seed", "1")

    for run, said in ((by_mark, 4), (by_turn, 6)):
        assert run.returncode == 0, run.stderr
        verdict = json.loads(run.stdout)["verdict"]
        assert (verdict["answered"], verdict["fillers"], verdict["clean"]) == (said, said, True)


def test_a_load_that_met_the_daemons_limits_says_so() -> None:
    content = {
        "generator": {"lag": {"p99": 0.001}, "kept_rate": True, "late": False},
        "verdict": {"daemon_asked": True},
        "limited_deliveries": 0,
    }
    assert doubts(content) == []
    assert "7 deliveries were answered 429" in doubts(content | {"limited_deliveries": 7})[0]


def test_charts_are_drawings_that_say_in_words_what_they_show() -> None:
    drawn = lines("Wait", [Line("p50 & more", "a", [(0, 1.0), (1, None), (2, 3.0)])], lambda value: f"{value:g} s")
    root = ElementTree.fromstring(drawn)
    svg = root.find("svg")
    assert svg is not None
    assert svg.get("aria-label") == "Wait: p50 & more at most 3 s"
    assert len(svg.findall("circle")) == 2, "a value between gaps is a dot"
    assert "nothing was measured" in lines("Wait", [], str)
    heights = [
        float(bar.get("height", "0")) for bar in ElementTree.fromstring(bars("B", [("x", 1), ("y", 2)])).iter("rect")
    ]
    assert heights[1] == pytest.approx(2 * heights[0])


def test_processes_are_counted_with_their_descendants(tmp_path: Path) -> None:
    def process(pid: int, parent: int, ticks: int, pages: int) -> None:
        (tmp_path / str(pid)).mkdir()
        fields = ["S", str(parent), *["0"] * 9, str(ticks), "0", *["0"] * 8, str(pages), "0"]
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a (b) c) {' '.join(fields)}")

    process(10, 1, 100, 5)
    process(11, 10, 200, 5)
    process(12, 1, 400, 5)
    found = consumption([10], tmp_path)
    alone = consumption([11], tmp_path)
    assert found
    assert alone
    assert found.cpu == pytest.approx(alone.cpu * 1.5)
    assert found.memory == 2 * alone.memory
    assert consumption([99], tmp_path) is None
    assert consumption([1], tmp_path / "nowhere") is None
