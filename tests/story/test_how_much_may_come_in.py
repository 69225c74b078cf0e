"""Who sends too much is told so, when he may go on, and takes nothing from the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from server.errors import SettingsError
from server.intake.rates import Rate, network_of, rate
from server.settings import load
from tests.daemon import documented, running_daemon, settings_for
from tests.polling import eventually
from tests.ports import free_port
from tests.process import daemon_process
from tests.redis_server import RedisServer
from tests.scripted_talkme import ScriptedTalkMe

URL = "/webhook/talkme"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("120/minute", Rate(120, 60)), ("10/5 minutes", Rate(10, 300)), ("1 / 2days", Rate(1, 172_800)), ("off", None)],
)
def test_a_rate_is_read_as_one_writes_it(written: str, meant: Rate | None) -> None:
    assert rate(written) == meant


@pytest.mark.parametrize("written", ["0/minute", "many", "5/fortnight", "-1/second", "5", ""])
def test_what_is_no_rate_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(SettingsError, match=r"limits\.per_user = .*: expected a rate such as 120/minute"):
        load(flags={"limits.per_user": written})


def test_an_address_of_ipv6_counts_with_its_whole_network() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert network_of("203.0.113.7") == network_of("::ffff:203.0.113.7") == "203.0.113.7"


async def said(daemon: httpx.AsyncClient, user: str, times: int, **fields: str) -> list[httpx.Response]:
    return list(await asyncio.gather(*(daemon.post(URL, json=documented(user=user) | fields) for _ in range(times))))


def statuses(answers: list[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


async def test_the_answer_says_which_limit_it_was_and_when_to_come_again(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(folder, talkme.url, limits={"per_user": "3/minute"})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        answers = await said(daemon, "anna", 5)
        assert statuses(answers) == [200, 200, 200, 429, 429]
        refused = next(answer for answer in answers if answer.status_code == 429)
        body, headers = refused.json(), refused.headers
        assert (body["success"], body["session_id"], body["end_conversation"]) == (False, "session-of-anna", False)
        assert "limits.per_user" in body["error"]
        assert "не более 3 за 60 с" in body["error"]
        assert 0 < int(headers["Retry-After"]) <= 60
        assert headers["RateLimit-Policy"] == '"per_user";q=3;w=60'
        assert headers["RateLimit"] == f'"per_user";r=0;t={headers["Retry-After"]}'
        told = [headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")]
        assert told == ["3", "0", headers["Retry-After"]]
        session = (await daemon.get("/webhook/talkme/session/anna")).json()
        assert session["messages_count"] == 3
        assert len(talkme.sent()) == 3

        async def counted() -> object:
            return (await daemon.get("/webhook/talkme/stats")).json()["refused"]

        await eventually(counted, lambda refused: refused == {"429": 2})


async def test_after_the_time_that_was_told_it_goes_on(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(folder, talkme.url, limits={"per_user": "1/second"})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        assert statuses(await said(daemon, "anna", 2)) == [200, 429]

        async def again() -> int:
            return (await daemon.post(URL, json=documented())).status_code

        await eventually(again, lambda status: status == 200)


async def test_the_burst_of_one_caller_takes_nothing_from_the_others(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(folder, talkme.url, limits={"per_user": "2/minute", "per_address": "6/minute"})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        assert statuses(await said(daemon, "anna", 30)) == [200] * 2 + [429] * 28
        assert statuses(await said(daemon, "boris", 2)) == [200, 200]
        assert statuses(await said(daemon, "vera", 2)) == [200, 200]
        one_more = await daemon.post(URL, json=documented(user="galya"))
        assert (one_more.status_code, "limits.per_address" in one_more.json()["error"]) == (429, True)


async def test_a_token_has_a_limit_of_its_own(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(folder, talkme.url, limits={"per_token": "2/minute"})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        for user, status in (("anna", 200), ("boris", 200), ("vera", 429)):
            assert (await daemon.post(URL, json=documented(user=user))).status_code == status
        assert (await daemon.post(URL, json=documented(user="vera", token="another-token"))).status_code == 200


async def test_limits_that_are_off_refuse_nothing(folder: Path, talkme: ScriptedTalkMe) -> None:
    off = dict.fromkeys(("per_user", "per_token", "per_address"), "off")
    async with (
        running_daemon(settings_for(folder, talkme.url, limits=off)) as url,
        httpx.AsyncClient(base_url=url) as daemon,
    ):
        for _ in range(5):
            assert statuses(await said(daemon, "anna", 30)) == [200] * 30


async def test_wrong_tokens_are_counted_and_right_ones_still_answered(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(
        folder, talkme.url, talkme={"tokens": [documented()["token"]]}, limits={"wrong_tokens": "3/minute"}
    )
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        assert statuses(await said(daemon, "mallory", 5, token="guessed-token")) == [401, 401, 401, 429, 429]
        assert (await daemon.post(URL, json=documented())).status_code == 200


@pytest.mark.parametrize("engine", ["sqlite", "redis"])
async def test_limits_hold_for_all_worker_processes_together(
    engine: str, tmp_path: Path, talkme: ScriptedTalkMe, request: pytest.FixtureRequest
) -> None:
    environment = {"ITEIRA_LIMITS__PER_USER": "10/minute"}
    if engine == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        environment["ITEIRA_STORE__URL"] = server.url
    async with (
        daemon_process(tmp_path, free_port(), talkme.url, workers=2, environment=environment) as daemon,
        httpx.AsyncClient(base_url=daemon.url, limits=httpx.Limits(max_keepalive_connections=0)) as client,
    ):
        answers = await said(client, "anna", 40)
    assert statuses(answers) == [200] * 10 + [429] * 30
