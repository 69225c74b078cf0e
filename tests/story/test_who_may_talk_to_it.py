"""The gate before everything: whose requests come through, and whom they are counted for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from server.errors import SettingsError
from server.intake.addresses import Addresses, By, networks
from server.settings import load
from tests.daemon import documented, running_daemon, settings_for
from tests.scripted_talkme import ScriptedTalkMe

URL = "/webhook/talkme"
SECRET = "a-secret-of-the-webhook"
PROXIES = networks(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.5", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the first one is what the caller says of himself
        ("127.0.0.1, 203.0.113.7 , 10.0.0.5, 127.0.0.1", "203.0.113.7"),
        ("203.0.113.7:5123", "203.0.113.7"),
        ("[2001:db9::7]:5123", "2001:db9::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "127.0.0.1"),
        ("203.0.113.7, nonsense, 10.0.0.5", "10.0.0.5"),
        ("10.0.0.5", "10.0.0.5"),
        ("", "127.0.0.1"),
    ],
)
def test_the_caller_is_the_last_address_that_is_no_proxy_of_ours(said: str, address: str) -> None:
    headers = [(b"x-forwarded-for", said.encode())]
    assert Addresses(PROXIES, "x-forwarded-for").of("127.0.0.1", headers) == address
    assert Addresses([], "x-forwarded-for").of("127.0.0.1", headers) == "127.0.0.1"
    assert Addresses(PROXIES, "x-forwarded-for").of("198.51.100.9", headers) == "198.51.100.9"


@pytest.mark.parametrize(("by", "address"), [("x-forwarded-for", "203.0.113.7"), ("forwarded", "198.51.100.1")])
def test_one_header_alone_is_believed_and_its_lines_are_one_list(by: By, address: str) -> None:
    headers = [
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"forwarded", b'for=192.0.2.60;proto=http, for="198.51.100.1:80"'),
        (b"x-forwarded-for", b"203.0.113.7"),
    ]
    assert Addresses(PROXIES, by).of("127.0.0.1", headers) == address


async def test_webhooks_come_from_allowed_addresses_alone(folder: Path, talkme: ScriptedTalkMe) -> None:
    server = {"allow_from": ["203.0.113.0/24"], "trusted_proxies": ["127.0.0.1"]}
    async with (
        running_daemon(settings_for(folder, talkme.url, server=server)) as url,
        httpx.AsyncClient(base_url=url) as daemon,
    ):

        async def answered(address: str | None) -> int:
            headers = {} if address is None else {"X-Forwarded-For": address}
            return (await daemon.post(URL, json=documented(), headers=headers)).status_code

        assert await answered("203.0.113.7") == 200
        assert await answered("198.51.100.1") == 403
        assert await answered("203.0.113.7, 198.51.100.1") == 403
        assert await answered(None) == 403
        assert (await daemon.get(f"{URL}/health")).status_code == 200
        assert (await daemon.get(f"{URL}/stats")).json()["refused"] == {}  # told by the worker every two seconds
        refused = await daemon.post(URL, json=documented())
        assert (refused.json()["success"], "server.allow_from" in refused.json()["error"]) == (False, True)
        assert len(talkme.sent()) == 1


async def test_behind_a_trusted_proxy_each_caller_has_his_own_limit(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(
        folder, talkme.url, server={"trusted_proxies": ["127.0.0.1"]}, limits={"per_address": "2/minute"}
    )
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:

        async def answered(address: str) -> list[int]:
            headers = {"X-Forwarded-For": f"{address}"}
            return [(await daemon.post(URL, json=documented(), headers=headers)).status_code for _ in range(3)]

        assert await answered("203.0.113.7") == [200, 200, 429]
        assert await answered("192.0.2.1, 203.0.113.8") == [200, 200, 429]
        assert await answered("192.0.2.2, 203.0.113.8") == [429, 429, 429]


@pytest.mark.parametrize("body", [{}, {"token": "short"}])
async def test_what_is_no_message_counts_for_its_address_too(
    body: Mapping[str, str], folder: Path, talkme: ScriptedTalkMe
) -> None:
    settings = settings_for(folder, talkme.url, limits={"per_address": "3/minute"})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        assert [(await daemon.post(URL, json=body)).status_code for _ in range(4)] == [400, 400, 400, 429]
        figures = await daemon.get(f"{URL}/stats")
        assert (figures.status_code, figures.headers["RateLimit"].split(";")[:2]) == (429, ['"per_address"', "r=0"])
        assert (await daemon.get(f"{URL}/health")).status_code == 200


async def test_a_secret_comes_in_a_header_or_in_the_path_and_is_never_logged(
    folder: Path, talkme: ScriptedTalkMe, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = settings_for(folder, talkme.url, server={"webhook_secret": SECRET}, limits={"wrong_tokens": "4/minute"})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        by_header = await daemon.post(URL, json=documented(), headers={"X-Webhook-Secret": SECRET})
        by_path = await daemon.post(f"{URL}/{SECRET}", json=documented())
        assert (by_header.status_code, by_path.status_code) == (200, 200)
        wrong = [
            await daemon.post(URL, json=documented()),
            await daemon.post(URL, json=documented(), headers={"X-Webhook-Secret": SECRET[:-1]}),
            await daemon.post(f"{URL}/{SECRET}x", json=documented()),
            await daemon.get(f"{URL}/{SECRET}"),
            await daemon.post(f"{URL}/{SECRET}/more", json=documented()),
        ]
        assert [answer.status_code for answer in wrong] == [401, 401, 401, 405, 404]
        assert (await daemon.post(URL, json=documented())).status_code == 401
        assert (await daemon.post(URL, json=documented())).status_code == 429
        assert (await daemon.post(f"{URL}/{SECRET}/", json=documented())).status_code == 200
        assert (await daemon.get(f"{URL}/health")).status_code == 200
    own = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not any(SECRET in line for line in own)
    assert any("POST /webhook/talkme 200" in line for line in own)


async def test_every_answer_carries_the_headers_of_caution_and_none_that_invites_other_pages(
    daemon: httpx.AsyncClient,
) -> None:
    answers = [
        await daemon.post(URL, json=documented()),
        await daemon.post(URL, content="{"),
        await daemon.get(f"{URL}/health"),
        await daemon.get(f"{URL}/stats"),
        await daemon.get("/nowhere"),
        await daemon.get(f"{URL}/stats", headers={"Origin": "https://evil.example"}),
        await daemon.options(f"{URL}/stats", headers={"Origin": "https://evil.example"}),
    ]
    for answer in answers:
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert not any(name.startswith("access-control-") for name in headers)
        assert "Strict-Transport-Security" not in headers


async def test_behind_tls_browsers_are_told_to_stay_and_pages_that_are_allowed_may_ask(
    folder: Path, talkme: ScriptedTalkMe
) -> None:
    desk = "https://desk.example.by"
    settings = settings_for(
        folder,
        talkme.url,
        server={"behind_tls": True, "cors_origins": [desk]},
        admin={"token": "a-token-for-administrators"},
    )
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        allowed = await daemon.options(f"{URL}/stats", headers={"Origin": desk, **asked})
        assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (200, desk)
        other = await daemon.options(f"{URL}/stats", headers={"Origin": "https://evil.example", **asked})
        assert "Access-Control-Allow-Origin" not in other.headers
        refused = await daemon.get(f"{URL}/stats", headers={"Origin": desk})
        assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, desk)
        assert refused.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("server.allow_from", "203.0.113.7/24", "expected addresses or networks such as"),
        ("server.trusted_proxies", "nginx", "expected addresses or networks such as"),
        ("server.webhook_secret", "short", "at least 16 characters"),
        ("server.webhook_secret", "a secret with/slashes", "expected"),
        ("server.cors_origins", "https://desk.example.by/page", "expected origins such as"),
        ("admin.read_tokens", "short", "at least 16 characters"),
    ],
)
def test_wrong_settings_are_named_without_their_secrets(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected) as caught:
        load(flags={name: value})
    assert name in str(caught.value)
    assert ("(hidden)" in str(caught.value)) == name.endswith(("secret", "tokens"))
