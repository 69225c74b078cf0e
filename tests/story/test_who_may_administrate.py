"""Tokens of the administration: several at a time, some of which may look and change nothing, and not who is who."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.daemon import documented, running_daemon, settings_for
from tests.scripted_talkme import Answer, ScriptedTalkMe
from tests.story.test_administration import ADMINISTRATION

FULL, OTHER, READ = "a-token-for-administrators", "the-token-before-that-one", "a-token-to-look-with"
PHONE, NAME, WORDS = "+375297654321", "Аделаида", "хочу записаться на завтра"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def daemon(folder: Path, talkme: ScriptedTalkMe) -> AsyncIterator[httpx.AsyncClient]:
    """A daemon with all kinds of tokens."""
    settings = settings_for(
        folder,
        talkme.url,
        admin={"token": FULL, "other_tokens": [OTHER], "read_tokens": [READ]},
        limits={"wrong_tokens": "5/minute"},
    )
    async with (
        running_daemon(settings) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client


async def test_each_of_several_tokens_is_good(daemon: httpx.AsyncClient) -> None:
    for token in (FULL, OTHER):
        assert (await daemon.delete("/webhook/talkme/sessions", headers=bearer(token))).status_code == 200


async def test_who_may_look_may_change_nothing(daemon: httpx.AsyncClient) -> None:
    for method, path in ADMINISTRATION:
        answer = await daemon.request(method, path, headers=bearer(READ))
        assert answer.status_code in ({200, 404} if method == "GET" else {403}), (method, path)


@pytest.mark.parametrize("written", ["8 029 1234567", "+375 (29) 123-45-67", "8-029-1234567", "80291234567"])
async def test_who_may_look_sees_no_beginning_of_a_number_in_the_figures(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe, written: str
) -> None:
    talkme.script["send"].append(Answer(status=404))
    await daemon.post("/webhook/talkme", json=documented(user=written))
    for token, shown in ((FULL, f"{written[:10]}..."), (READ, "***")):
        stats = (await daemon.get("/webhook/talkme/stats", headers=bearer(token))).json()
        for one in (*stats["active_sessions_details"], *stats["latest_errors"]):
            assert one["user_id"].startswith(shown)
            assert token == FULL or not any(char.isdigit() for char in one["user_id"])


async def test_who_may_look_sees_neither_who_called_nor_what_was_said(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].extend([Answer(), Answer(status=404)])
    for text in (f"Меня зовут {NAME}, {WORDS}, мой номер {PHONE}", WORDS):
        body = documented(text, user=PHONE) | {"client": {"name": NAME, "phone": PHONE}, "session_id": PHONE}
        await daemon.post("/webhook/talkme", json=body)
    message = (await daemon.get("/webhook/talkme/failed", headers=bearer(FULL))).json()["failed"][0]["id"]
    paths = [
        "/webhook/talkme/stats",
        "/webhook/talkme/sessions",
        f"/webhook/talkme/session/{PHONE}",
        f"/webhook/talkme/session/{PHONE}?masked=true",
        f"/webhook/talkme/message/{message}",
        "/webhook/talkme/waiting",
        "/webhook/talkme/failed",
        f"/webhook/talkme/failed/{message}",
        "/metrics",
        "/knowledge-base/status",
    ]
    for path in paths:
        seen, whole = [await daemon.get(path, headers=bearer(token)) for token in (READ, FULL)]
        assert (seen.status_code, whole.status_code) == (200, 200)
        for planted in (PHONE, PHONE[1:10], NAME, WORDS, "записаться"):
            assert planted not in seen.text, path
    whole = await daemon.get(f"/webhook/talkme/session/{PHONE}", headers=bearer(FULL))
    assert (whole.json()["client_name"], whole.json()["phone_number"]) == (NAME, PHONE)
    assert WORDS in whole.text


async def test_who_may_look_may_not_find_out_by_asking(daemon: httpx.AsyncClient) -> None:
    for question in ("phone=29765", "name=Аделаида", "sort=name"):
        assert (await daemon.get(f"/webhook/talkme/sessions?{question}", headers=bearer(READ))).status_code == 403
        assert (await daemon.get(f"/webhook/talkme/sessions?{question}", headers=bearer(FULL))).status_code == 200


async def test_who_guesses_tokens_is_not_let_in_any_more(daemon: httpx.AsyncClient) -> None:
    path = "/webhook/talkme/stats"
    for _ in range(3):
        assert (await daemon.get(path)).status_code == 401  # who shows none guesses nothing
    guessed = [(await daemon.get(path, headers=bearer(f"guess-number-{number}"))).status_code for number in range(7)]
    assert guessed == [401] * 5 + [429] * 2
    right = await daemon.get(path, headers=bearer(FULL))
    assert (right.status_code, right.headers["RateLimit-Limit"]) == (429, "5")
    assert right.json() == {"success": False, "error": "limits.wrong_tokens allows 5 in 60 s"}
    assert (await daemon.post("/webhook/talkme", json=documented())).status_code == 200


async def test_tokens_that_only_look_leave_this_machine_its_rights(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(folder, talkme.url, admin={"read_tokens": [READ]})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        path = "/webhook/talkme/sessions"
        assert (await daemon.delete(path)).status_code == 200
        assert (await daemon.delete(path, headers={"X-Forwarded-For": "203.0.113.7"})).status_code == 403
        assert (await daemon.get(path, headers=bearer(READ) | {"X-Forwarded-For": "203.0.113.7"})).status_code == 200
        assert (await daemon.delete(path, headers=bearer(READ))).status_code == 403
        assert (await daemon.get(path, headers=bearer(FULL))).status_code == 401


async def test_the_administration_may_be_kept_to_some_addresses(folder: Path, talkme: ScriptedTalkMe) -> None:
    settings = settings_for(
        folder,
        talkme.url,
        server={"trusted_proxies": ["127.0.0.1"]},
        admin={"token": FULL, "allow_from": ["198.51.100.0/24"]},
    )
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, headers=bearer(FULL)) as daemon:
        for address, status in (("198.51.100.4", 200), ("203.0.113.7", 403)):
            answer = await daemon.get("/webhook/talkme/stats", headers={"X-Forwarded-For": address})
            assert answer.status_code == status
        assert (await daemon.post("/webhook/talkme", json=documented())).status_code == 200
        assert (await daemon.get("/webhook/talkme/health")).status_code == 200


async def test_the_document_says_how_every_path_refuses_and_what_it_asks_for(
    daemon: httpx.AsyncClient, folder: Path, talkme: ScriptedTalkMe
) -> None:
    paths = (await daemon.get("/openapi.json", headers=bearer(READ))).json()["paths"]
    administration = [
        operation
        for path, operations in paths.items()
        for operation in operations.values()
        if path != "/webhook/talkme" and not path.startswith("/webhook/talkme/health")
    ]
    assert len(administration) == 19
    for operation in administration:
        assert {"200", "400", "401", "403", "429", "503"} <= set(operation["responses"])
        assert "422" not in operation["responses"]
        assert operation["security"] == [{"HTTPBearer": []}]
    webhook = paths["/webhook/talkme"]["post"]
    assert {"200", "400", "401", "403", "408", "413", "429", "502", "503"} == set(webhook["responses"])
    async with (
        running_daemon(settings_for(folder / "open", talkme.url)) as url,
        httpx.AsyncClient(base_url=url) as unguarded,
    ):
        stats = (await unguarded.get("/openapi.json")).json()["paths"]["/webhook/talkme/stats"]["get"]
        assert stats["security"] == []


async def test_a_wrong_method_is_told_all_that_the_path_answers(daemon: httpx.AsyncClient) -> None:
    answer = await daemon.put("/webhook/talkme/session/anna", headers=bearer(FULL))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, GET")
