"""Whatever is sent to a daemon, the answer is never an error of ours, and what callers say never breaks their turn."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.daemon import TOKEN, running_daemon, settings_for
from tests.properties.test_any_payload import JSON, WEBHOOKS
from tests.scripted_talkme import scripted_talkme
from tests.workbooks import write_workbook

WORDS = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=40)
NUMERALS = st.text(alphabet="²³¹½Ⅷ٣४①12,. -+р%", min_size=1, max_size=12)
PATHS = st.lists(
    st.sampled_from(["..", "%2e%2e", "%2F", "etc", "passwd", "webhook", "talkme", "session", "failed", "%00", "x"]),
    max_size=6,
).map("/".join)
one_daemon = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    write_workbook(tmp_path / "knowledge" / "Прайс.xlsx")
    limits = dict.fromkeys(("per_user", "per_token", "per_address"), "off")
    async with (
        scripted_talkme() as talkme,
        running_daemon(settings_for(tmp_path, talkme.url, limits=limits)) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client


@one_daemon
@given(body=JSON | WEBHOOKS)
async def test_any_json_is_a_message_or_a_refusal(daemon: httpx.AsyncClient, body: Any) -> None:
    answer = await daemon.post("/webhook/talkme", content=json.dumps(body).encode())
    assert answer.status_code in {200, 400}, answer.text
    assert answer.json()["success"] == (answer.status_code == 200)


@one_daemon
@given(body=st.binary(max_size=100))
async def test_any_bytes_are_too(daemon: httpx.AsyncClient, body: bytes) -> None:
    assert (await daemon.post("/webhook/talkme", content=body)).status_code == 400


@one_daemon
@given(text=WORDS | NUMERALS, name=WORDS)
async def test_whatever_a_caller_says_his_turn_ends_well(daemon: httpx.AsyncClient, text: str, name: str) -> None:
    body = {"token": TOKEN, "user_id": "anna", "message": {"text": f"я {text}"}, "client": {"name": name}}
    answer = await daemon.post("/webhook/talkme", json=body)
    assert (answer.status_code, answer.json().get("message")) == (200, "Сообщение отправлено"), answer.text


@one_daemon
@given(path=PATHS, query=WORDS)
async def test_no_path_leads_out_of_the_daemon(daemon: httpx.AsyncClient, path: str, query: str) -> None:
    for method in ("GET", "POST"):
        answer = await daemon.request(method, f"/{path}", params={"q": query, "since": query, "limit": query})
        assert answer.status_code in {200, 400, 404, 405}, answer.text
        assert "root:" not in answer.text
