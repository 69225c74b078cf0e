"""A caller's number, name and words, the webhook's token, the model's key: where they may never stand, and that nothing
of a caller is left anywhere when his session has been cleared."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from server.models import Incoming, Question, Reply, State
from server.stores.base import StoreLimits
from server.stores.open import store_from_url
from tests.clock import FakeClock
from tests.daemon import documented
from tests.model_server import Completion, ModelServer, model_server
from tests.polling import eventually
from tests.ports import free_port
from tests.process import DaemonProcess
from tests.redis_server import RedisServer
from tests.scripted_talkme import Answer, ScriptedTalkMe
from tests.workbooks import write_workbook

NUMBER, DICTATED = "+375291112233", "+375 29 445-56-67"
NAME, WORD = "Аполлинария", "фиолетовокрылый"
TOKEN, KEY, ADMIN = "secret-token-of-the-webhook", "sk-secret-key-of-the-model", "secret-token-of-the-admin"
READER = "secret-token-of-who-may-look"
USER = "+375 (29) 111-22-33"
"""TalkMe may know a caller by nothing but a number; it is the user's id then."""
SECRETS = (TOKEN, KEY, ADMIN, READER)
PERSONAL = (USER, NUMBER, NUMBER[1:], DICTATED, "375294455667", NAME, NAME.lower(), WORD, WORD.capitalize())
AUTHORISED = {"Authorization": f"Bearer {ADMIN}"}


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer | None]:
    if request.param == "sqlite":
        yield None
        return
    (tmp_path / "redis").mkdir()
    plain = ("--appendonly", "yes", "--rdbcompression", "no", "--aof-use-rdb-preamble", "no")
    server = RedisServer(tmp_path / "redis", *plain)
    yield server
    server.close()


async def test_nothing_of_a_caller_gets_out_and_nothing_is_left_when_his_session_is_cleared(
    tmp_path: Path, talkme: ScriptedTalkMe, store: RedisServer | None
) -> None:
    write_workbook(tmp_path / "knowledge" / "Прайс.xlsx")
    async with model_server() as model:
        environment = {
            "ITEIRA_ADMIN__TOKEN": ADMIN,
            "ITEIRA_ADMIN__READ_TOKENS": READER,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": model.url,
            "ITEIRA_AGENT__CIRCUIT_FAILURES": "100",
            "ITEIRA_TALKME__ATTEMPTS": "1",
            "ITEIRA_STORE__URL": store.url if store else "sqlite:///var/iteira.db",
            "ITEIRA_LOGGING__LEVEL": "DEBUG",
        }
        async with _daemon(tmp_path, talkme.url, environment) as client:
            await _talk(client, talkme, model)
            page = await _open_pages(client)
            assert found(page.encode(), (*SECRETS, *PERSONAL)) == []
            shown = await _pages_of_who_may_only_look(client)
            assert "фиолетов" not in shown.lower()
            assert found(shown.encode(), (*SECRETS, *PERSONAL)) == []
            exported = (await client.get(f"/webhook/talkme/session/{USER}", params={"masked": True})).text
            assert found(exported.encode(), (*SECRETS, NUMBER, NUMBER[1:], DICTATED, NAME)) == []
            assert found(logs(tmp_path), (*SECRETS, *PERSONAL)) == []
            assert set(found(stored(tmp_path, store), PERSONAL)) >= {NUMBER, NAME, WORD}, "the search does find them"
            assert (await client.delete(f"/webhook/talkme/session/{USER}")).status_code == 200
            await eventually(lambda: found(stored(tmp_path, store), (*SECRETS, *PERSONAL)), lambda seen: seen == [])
            assert found(logs(tmp_path), (*SECRETS, *PERSONAL)) == []


async def test_what_is_older_than_the_retention_is_not_on_the_disk_any_more(
    tmp_path: Path, store: RedisServer | None
) -> None:
    clock = FakeClock()
    limits, day = StoreLimits(retention=30 * 86_400), 86_400
    opened = store_from_url(store.url if store else f"sqlite:///{tmp_path}/iteira.db", limits, clock)
    await opened.open()
    await opened.accept(Incoming(USER, "3120", WORD, TOKEN, "7", NUMBER, NAME))
    (claim,) = await opened.claim("w1", 10, 1)
    await opened.save_reply(claim, Reply(f"{NAME}, да", by="offline", client_name=NAME))
    await opened.finish(claim, State.SENT)
    await opened.note_questions([Question(USER, "есть солярий", False, 0.1)])
    clock.advance(29 * day)
    await opened.sweep()
    assert set(found(stored(tmp_path, store), PERSONAL)) >= {NUMBER, NAME, WORD}
    clock.advance(2 * day)
    await opened.sweep()
    assert found(stored(tmp_path, store), (TOKEN, *PERSONAL)) == []
    assert [one.text for one in await opened.questions(10)] == ["есть солярий"], "what names nobody stays"
    await opened.close()


async def _talk(client: httpx.AsyncClient, talkme: ScriptedTalkMe, model: ModelServer) -> None:
    """Answered by the model, failed at it, refused by TalkMe with the caller's own words, asked without an answer."""
    said = [
        f"Меня зовут {NAME}, мой номер {DICTATED}",
        f"{WORD} массаж сколько стоит?",
        f"Есть ли у вас {WORD} педикюр для лам?",
    ]
    model.script.append(Completion([f"Приятно познакомиться, {NAME}!"]))
    model.script.append(Completion(status=400, error=f"{KEY} {NAME} {NUMBER} {WORD}"))
    model.script.append(Completion(["Этого я не знаю."]))
    talkme.script["send"] += [
        Answer(),
        Answer(body={"success": False, "error": {"descr": f"{NAME} {NUMBER} {WORD} {TOKEN}"}}),
    ]
    for text in said:
        body = documented(text, user=USER, client={"clientId": USER, "phone": NUMBER, "name": NAME}, token=TOKEN)
        await client.post("/webhook/talkme", json=body, headers={"X-Forwarded-For": NUMBER})
    await client.post("/webhook/talkme", content=f'{{"token": "{TOKEN}", "message": "{NAME} {WORD} {NUMBER}'.encode())
    await client.get(f"/webhook/talkme/session/{USER}", headers={"Authorization": f"Bearer {TOKEN}"})
    await client.get(f"/webhook/talkme/session/{USER}")
    await eventually(lambda: _questions(client), lambda asked: WORD in asked)


async def _questions(client: httpx.AsyncClient) -> str:
    return (await client.get("/knowledge-base/questions")).text


async def _pages_of_who_may_only_look(client: httpx.AsyncClient) -> str:
    message = (await client.get("/webhook/talkme/failed")).json()["failed"][0]["id"]
    paths = [
        *("/webhook/talkme/stats", "/webhook/talkme/waiting", "/webhook/talkme/sessions", "/webhook/talkme/failed"),
        *(f"/webhook/talkme/session/{USER}", f"/webhook/talkme/message/{message}", f"/webhook/talkme/failed/{message}"),
        *("/metrics", "/knowledge-base/status", "/openapi.json"),
    ]
    pages = [await client.get(path, headers={"Authorization": f"Bearer {READER}"}) for path in paths]
    assert {page.status_code for page in pages} == {200}
    return "\n".join(page.text for page in pages)


async def _open_pages(client: httpx.AsyncClient) -> str:
    health = [await client.get(f"/webhook/talkme/health{kind}") for kind in ("", "/live", "/ready")]
    return "\n".join(page.text for page in (*health, await client.get("/metrics")))


@asynccontextmanager
async def _daemon(folder: Path, talkme: str, environment: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a daemon whose logs are real files."""
    quiet = {"BASE_URL_TALKME": talkme, "ITEIRA_KNOWLEDGE__EMBEDDER": "none"}
    daemon = DaemonProcess(folder, free_port(), {**quiet, **environment})
    async with httpx.AsyncClient(base_url=daemon.url, headers=AUTHORISED, timeout=30) as client:

        async def ready() -> bool:
            assert daemon.running, daemon.log.read_text()
            try:
                return (await client.get("/webhook/talkme/health")).status_code == 200
            except httpx.TransportError:
                return False

        try:
            await eventually(ready, within=60)
            yield client
        finally:
            daemon.kill()


def logs(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in (*folder.glob("daemon-*.log"), *folder.glob("var/logs/*")))


def stored(folder: Path, store: RedisServer | None) -> bytes:
    """Everything that is on the disk, but for logs and the company's own files."""
    if store:
        while store.client.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.01)
        store.client.save()
    paths = [path for path in folder.rglob("*") if path.is_file() and "logs" not in path.parts]
    kept = [path for path in paths if "knowledge" not in path.relative_to(folder).parts[:1] and path.suffix != ".log"]
    return b"\n".join(path.read_bytes() for path in kept)


def found(content: bytes, planted: tuple[str, ...]) -> list[str]:
    """What of it stands there, as UTF-8 or as JSON escapes it."""
    escaped = {text: text.encode("unicode_escape") for text in planted}
    return [text for text in planted if text.encode() in content or escaped[text] in content]
