"""How the daemon calls TalkMe and the model: through the proxy it was given, and nobody who cannot prove who he is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from server.errors import SettingsError
from server.outgoing import Outgoing
from tests.daemon import TOKEN, documented, running_daemon, settings_for
from tests.forward_proxy import forward_proxy
from tests.model_server import Completion, ModelServer, model_server
from tests.ports import free_port
from tests.process import daemon_process
from tests.scripted_talkme import ScriptedTalkMe
from tests.service import body, service

TALKME, MODEL = "talkme.example", "model.example"


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as model:
        model.script.append(Completion(["Здравствуйте."]))
        yield model


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_both_are_called_through_the_proxy_of_the_environment(
    folder: Path, talkme: ScriptedTalkMe, model: ModelServer, no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with forward_proxy(talkme_example=port(talkme.url), model_example=port(model.url)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        agent = {"api_key": "key-of-the-model", "base_url": f"http://{MODEL}/v1"}
        settings = settings_for(folder, f"http://{TALKME}/", agent=agent)
        async with running_daemon(settings) as url:
            assert await answered(url)
    assert talkme.sent() == ["Здравствуйте."]
    assert set(proxy.asked) == {("POST", TALKME), ("POST", MODEL)}


async def test_who_is_named_in_no_proxy_is_called_directly(
    folder: Path, talkme: ScriptedTalkMe, no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with forward_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with running_daemon(settings_for(folder, talkme.url)) as url:
            assert await answered(url)
    assert proxy.asked == []


async def test_a_server_whose_certificate_nobody_vouches_for_is_told_nothing(
    folder: Path, talkme: ScriptedTalkMe, no_proxies: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with behind_tls(talkme, trustme.CA(), "127.0.0.1") as secure:
        settings = settings_for(folder, talkme.url, talkme={"base_url": f"https://127.0.0.1:{secure}/", "attempts": 1})
        async with running_daemon(settings) as url:
            assert not await answered(url)
    assert talkme.calls == []
    assert "certificate" in caplog.text.lower()
    assert TOKEN not in caplog.text


async def test_an_authority_of_ones_own_is_trusted_and_a_tunnel_is_asked_of_the_proxy(
    folder: Path, talkme: ScriptedTalkMe, no_proxies: None, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    async with (
        behind_tls(talkme, authority, TALKME) as secure,
        forward_proxy(talkme_example=secure) as proxy,
        daemon_process(
            folder,
            free_port(),
            f"https://{TALKME}/",
            environment={"SSL_CERT_FILE": str(tmp_path / "authority.pem"), "HTTPS_PROXY": proxy.url},
        ) as daemon,
    ):
        assert await answered(daemon.url)
    assert talkme.sent()
    assert set(proxy.asked) == {("CONNECT", TALKME)}, "it sees neither token nor text"


@pytest.mark.parametrize("url", ["https://a..b/", f"https://{'a' * 64}.example/", "https://host:port/"])
async def test_what_is_no_address_is_refused_before_anybody_is_called(url: str) -> None:
    with pytest.raises(SettingsError, match="an address like"):
        Outgoing(url, 1)


@pytest.mark.parametrize(
    "proxy", ["socks5://user:secret@proxy:1080", "http://proxy:99999", "a..b:3128", "http://[::1:8"]
)
async def test_a_proxy_that_cannot_be_used_is_refused_by_name(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(SettingsError, match=r"http://proxy:3128 is expected") as refused:
        Outgoing("https://talkme.example/", 1)
    assert "secret" not in str(refused.value)


async def test_a_proxy_that_does_not_connect_us_is_an_error_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    async with service() as told:

        async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n<p>Who are you?</p>")
            writer.close()

        asked = list[bytes]()
        server = await asyncio.start_server(refuses, "127.0.0.1", 0)
        monkeypatch.setenv("HTTPS_PROXY", f"user:pass@127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        outgoing = Outgoing("https://talkme.example/", 1)
        with pytest.raises(ConnectionError, match="407"):
            await body(outgoing)
        await outgoing.close()
        server.close()
        assert told.requests == []
    assert asked[0].startswith(b"CONNECT talkme.example:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in asked[0]


async def answered(url: str) -> bool:
    """Whether a webhook's reply was delivered."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.post(f"{url}/webhook/talkme", json=documented("Привет"))
        return bool(answer.json()["message"] == "Сообщение отправлено")


@asynccontextmanager
async def behind_tls(talkme: ScriptedTalkMe, authority: trustme.CA, host: str) -> AsyncIterator[int]:
    """The port on which `talkme` answers with a certificate of `authority` for this host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    server = await asyncio.start_server(talkme.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def port(url: str) -> int:
    return urlsplit(url).port or 0
