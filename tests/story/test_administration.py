"""Looking and repairing: what administrators see, and that nobody else does."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.daemon import documented, running_daemon, settings_for
from tests.polling import eventually
from tests.scripted_talkme import Answer, ScriptedTalkMe
from tests.workbooks import write_workbook

ADMIN_TOKEN = "a-token-for-administrators"


async def test_health_names_every_part_and_who_answers(daemon: httpx.AsyncClient) -> None:
    answer = await daemon.get("/webhook/talkme/health")
    health = answer.json()
    assert answer.status_code == 200
    assert (health["status"], health["service"]) == ("ok", "talkme_webhook")
    assert health["checks"]["consultant"] == {"status": "ok", "detail": "offline"}
    assert health["checks"]["store"]["status"] == "ok"
    assert "7 documents of 1 files" in health["checks"]["knowledge"]["detail"]


async def test_stats_count_sessions_messages_and_show_users_in_part(daemon: httpx.AsyncClient) -> None:
    for user in ("a-user-with-a-long-name", "boris"):
        await daemon.post("/webhook/talkme", json=documented(user=user, phone_number="80291234567"))
    stats = (await daemon.get("/webhook/talkme/stats")).json()
    assert (stats["total_sessions"], stats["active_sessions"], stats["messages_processed"]) == (2, 2, 2)
    assert (stats["errors"], stats["queue"]) == (0, {"depth": 0, "oldest_seconds": None})
    assert [one["user_id"] for one in stats["active_sessions_details"]] == ["boris...", "a-user-wit..."]
    assert stats["active_sessions_details"][0]["phone_number"] == "+375291234567"
    assert stats["latency"]["count"] == 2
    assert 0 < stats["latency"]["p50"] <= stats["latency"]["p99"]
    assert [worker["consultant"] for worker in stats["workers"]] == ["offline"]
    assert stats["uptime"] > 0
    assert stats["knowledge"] == {"documents_count": 7, "embedder": "none", "problems": []}
    assert stats["refused"] == {}


async def test_sessions_can_be_listed_shown_and_cleared(daemon: httpx.AsyncClient) -> None:
    for user in ("anna", "boris", "a/b c?"):
        await daemon.post("/webhook/talkme", json=documented(user=user))
    listed = (await daemon.get("/webhook/talkme/sessions")).json()["sessions"]
    assert [session["user_id"] for session in listed] == ["a/b c?", "boris", "anna"]
    odd = (await daemon.get("/webhook/talkme/session/a%2Fb%20c%3F")).json()
    assert odd["user_id"] == "a/b c?"
    assert (await daemon.delete("/webhook/talkme/session/boris")).status_code == 200
    gone = await daemon.delete("/webhook/talkme/session/boris")
    assert (gone.status_code, gone.json()["success"]) == (404, False)
    assert "boris" in gone.json()["error"]
    cleared = (await daemon.delete("/webhook/talkme/sessions")).json()
    assert cleared["cleared_sessions"] == 2
    assert (await daemon.get("/webhook/talkme/sessions")).json() == {"sessions": [], "more": False}


async def test_a_search_shows_what_the_consultant_sees(daemon: httpx.AsyncClient) -> None:
    found = (await daemon.get("/knowledge-base/search", params={"q": "классический маникюр"})).json()
    assert found["query"] == "классический маникюр"
    assert 0 <= found["confidence"] <= 1
    best = found["results"][0]
    assert (best["source"], best["location"]) == ("Прайс.xlsx", "Услуги!2")
    assert "Цена: 48" in best["text"]


async def test_new_prices_are_found_after_a_rebuild_and_a_broken_file_is_named(
    daemon: httpx.AsyncClient, folder: Path
) -> None:
    write_workbook(folder / "knowledge" / "Новое.xlsx", [("Услуга", "Цена"), ("Ламинирование ресниц", 77)])
    (folder / "knowledge" / "Сломано.xlsx").write_bytes(b"not a workbook")
    status = (await daemon.post("/knowledge-base/regenerate")).json()
    assert (status["knowledge_base_exists"], status["files_count"]) == (True, 2)
    assert any("Сломано.xlsx" in problem for problem in status["problems"])
    found = (await daemon.get("/knowledge-base/search", params={"q": "ламинирование ресниц"})).json()
    assert found["results"][0]["source"] == "Новое.xlsx"
    health = (await daemon.get("/webhook/talkme/health")).json()
    assert health["checks"]["knowledge"]["status"] == "degraded"


async def test_what_failed_is_listed_with_its_reason_and_can_be_tried_again(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].extend(Answer(status=404) for _ in range(2))
    for user in ("anna", "boris"):
        assert (await daemon.post("/webhook/talkme", json=documented(user=user))).status_code == 502
    boris, anna = (await daemon.get("/webhook/talkme/failed")).json()["failed"]
    assert (anna["user_id"], anna["state"], anna["text"], anna["attempts"]) == ("anna", "failed", "Привет", 1)
    assert "HTTP 404" in anna["reason"]
    assert anna["reply"].startswith("Здравствуйте!")
    path = f"/webhook/talkme/failed/{anna['id']}"
    assert (await daemon.get(path)).json() == anna
    transcript = (await daemon.get("/webhook/talkme/session/anna")).json()["transcript"]
    assert transcript[0]["reason"] == anna["reason"]
    assert (await daemon.post(f"{path}/retry")).status_code == 200
    await eventually(lambda: len(talkme.sent()) == 3)
    assert talkme.sent()[2] == anna["reply"]
    assert (await daemon.post(f"{path}/retry")).status_code == 404
    assert (await daemon.delete(f"/webhook/talkme/failed/{boris['id']}")).status_code == 200

    async def left() -> object:
        return (await daemon.get("/webhook/talkme/failed")).json()["failed"]

    await eventually(left, lambda failed: failed == [])


async def test_everything_that_failed_since_can_be_tried_again_at_once(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].extend(Answer(status=404) for _ in range(3))
    for user in ("anna", "boris", "vera"):
        await daemon.post("/webhook/talkme", json=documented(user=user))
    latest = (await daemon.get("/webhook/talkme/failed", params={"limit": 1})).json()["failed"][0]["updated_at"]
    path = "/webhook/talkme/failed/retry"
    assert (await daemon.post(path, params={"since": latest})).json()["retried"] == 1
    assert (await daemon.post(path)).json()["retried"] == 2
    await eventually(lambda: len(talkme.sent()) == 6)


async def test_who_has_more_to_try_again_than_one_request_does_begins_with_the_oldest_and_is_told_so(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.admin.failed.RETRIED_AT_ONCE", 2)
    talkme.script["send"].extend(Answer(status=404) for _ in range(3))
    for user in ("anna", "boris", "vera"):
        await daemon.post("/webhook/talkme", json=documented(user=user))
    told = (await daemon.post("/webhook/talkme/failed/retry")).json()
    assert (told["retried"], told["more"]) == (2, True)
    assert told["message"] == "2 messages wait again; there are more, ask again"
    (left,) = (await daemon.get("/webhook/talkme/failed")).json()["failed"]
    assert left["user_id"] == "vera", "who was given up last"
    told = (await daemon.post("/webhook/talkme/failed/retry")).json()
    assert (told["retried"], told["more"]) == (1, False)


async def test_health_says_that_replies_do_not_arrive_and_that_they_do_again(
    daemon: httpx.AsyncClient, talkme: ScriptedTalkMe
) -> None:
    talkme.script["send"].append(Answer(status=404))
    await daemon.post("/webhook/talkme", json=documented())
    health = (await daemon.get("/webhook/talkme/health")).json()
    assert (health["status"], health["checks"]["talkme"]["status"]) == ("degraded", "degraded")
    assert "HTTP 404" in health["checks"]["talkme"]["detail"]
    await daemon.post("/webhook/talkme", json=documented())
    assert (await daemon.get("/webhook/talkme/health")).json()["status"] == "ok"


async def test_refused_webhooks_are_counted_and_logged_without_what_they_said(
    daemon: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await daemon.post("/webhook/talkme", json=documented("тайна", token="short"))
    await daemon.post("/webhook/talkme", content=b"{")
    assert [record.levelname for record in caplog.records if "refused with 400" in record.message] == ["WARNING"] * 2
    assert "тайна" not in caplog.text

    async def refused() -> object:
        return (await daemon.get("/webhook/talkme/stats")).json()["refused"]

    await eventually(refused, lambda counts: counts == {"400": 2})


async def test_wrong_questions_get_the_same_form_of_error(daemon: httpx.AsyncClient) -> None:
    for path, status in (("/knowledge-base/search", 400), ("/webhook/talkme/sessions?limit=0", 400), ("/nowhere", 404)):
        answer = await daemon.get(path)
        assert (answer.status_code, answer.json()["success"]) == (status, False)
        assert answer.json()["error"]


ADMINISTRATION = [
    ("GET", "/webhook/talkme/stats"),
    ("GET", "/webhook/talkme/waiting"),
    ("GET", "/webhook/talkme/sessions"),
    ("GET", "/webhook/talkme/session/anna"),
    ("DELETE", "/webhook/talkme/session/anna"),
    ("DELETE", "/webhook/talkme/sessions"),
    ("GET", "/webhook/talkme/failed"),
    ("GET", "/webhook/talkme/message/7"),
    ("GET", "/metrics"),
    ("GET", "/webhook/talkme/failed/7"),
    ("POST", "/webhook/talkme/failed/7/retry"),
    ("POST", "/webhook/talkme/failed/retry"),
    ("DELETE", "/webhook/talkme/failed/7"),
    ("GET", "/knowledge-base/status"),
    ("GET", "/knowledge-base/search?q=x"),
    ("POST", "/knowledge-base/regenerate"),
    ("GET", "/knowledge-base/gaps"),
    ("DELETE", "/knowledge-base/gaps"),
    ("GET", "/knowledge-base/questions"),
    ("GET", "/openapi.json"),
]


@pytest.mark.parametrize(("method", "path"), ADMINISTRATION)
async def test_without_a_token_only_this_machine_is_answered(daemon: httpx.AsyncClient, method: str, path: str) -> None:
    for header in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "True-Client-IP", "Origin"):
        answer = await daemon.request(method, path, headers={header: "127.0.0.1"})
        assert (answer.status_code, answer.json()["success"]) == (403, False)
    for host in ("evil.example", "evil.example:", "evil@localhost", "127.0.0.1.evil.example", "[zz]"):
        assert (await daemon.request(method, path, headers={"Host": host})).status_code == 403
    assert (await daemon.request(method, path)).status_code in {200, 404}


@pytest.mark.parametrize(("method", "path"), ADMINISTRATION)
async def test_with_a_token_it_is_asked_of_everybody(
    folder: Path, talkme: ScriptedTalkMe, method: str, path: str
) -> None:
    settings = settings_for(folder, talkme.url, admin={"token": ADMIN_TOKEN})
    async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url) as daemon:
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {ADMIN_TOKEN}"}):
            assert (await daemon.request(method, path, headers=wrong)).status_code == 401
        right = {"Authorization": f"Bearer {ADMIN_TOKEN}", "X-Forwarded-For": "203.0.113.7"}
        assert (await daemon.request(method, path, headers=right)).status_code in {200, 404}
        assert (await daemon.get("/webhook/talkme/health")).status_code == 200


async def test_every_administrative_path_is_in_this_guard(daemon: httpx.AsyncClient) -> None:
    paths = set((await daemon.get("/openapi.json")).json()["paths"])
    open_to_all = {"/webhook/talkme", *(f"/webhook/talkme/health{kind}" for kind in ("", "/live", "/ready"))}
    guarded = {
        path.split("?")[0].replace("/anna", "/{user_id}").replace("/7", "/{message_id}") for _, path in ADMINISTRATION
    } - {"/openapi.json"}
    assert paths - open_to_all == guarded
