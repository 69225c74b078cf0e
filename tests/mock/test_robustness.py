"""Whatever a client sends, the mock answers it, and never with a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mock_server.app import create_app
from mock_server.openai_api import Model
from mock_server.serving import Server
from tests.mock.serving import in_thread
from tests.ports import free_port

PATHS = (
    *("/customBot/simulateTyping", "/customBot/send", "/customBot/finish", "/json/v1.0/customBot/send"),
    *("/calls", "/calls/1/said", "/calls/1/speak", "/calls/1/hang-up"),
    *("/v1/chat/completions", "/v1/embeddings"),
)
any_text = st.text(st.characters())  # surrogates too: JSON can escape them
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=20,
)
nearly_right = st.fixed_dictionaries(
    {},
    optional={
        "ttl": any_json,
        "content": any_json | st.fixed_dictionaries({"text": any_json}),
        "code": any_json | st.sampled_from(["SUCCESS", "BYE"]),
        "text": any_json,
        "phone": any_json,
        "name": any_json,
        "token": any_json,
        "model": any_text,
        "messages": any_json | st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": any_json})),
        "stream": any_json,
        "tools": any_json,
        "tool_choice": any_json | st.dictionaries(any_text, any_json),
        "input": any_json,
    },
)
bodies = (any_json | nearly_right).map(lambda body: json.dumps(body).encode()) | st.binary()
header = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")).map(str.strip)


@pytest.fixture(scope="module")
def mock() -> Iterator[httpx.Client]:
    app = create_app(model=Model(first_token=0, tokens_per_second=100_000), daemon=f"http://127.0.0.1:{free_port()}")
    with in_thread(Server(app)) as url, httpx.Client(base_url=url, timeout=30) as http:
        http.post("/calls")
        yield http


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), body=bodies, token=header, request_id=header)
def test_no_body_and_no_header_gives_a_500(
    mock: httpx.Client, path: str, body: bytes, token: str, request_id: str
) -> None:
    headers = {"Content-Type": "application/json", "X-Token": token, "X-Request-ID": request_id}
    headers["Authorization"] = "Bearer any"
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    answer = mock.post(path, content=body, headers=raw)

    assert answer.status_code < 500, answer.text
    if path.startswith("/v1") and answer.status_code != 200:
        assert answer.json()["error"]["type"] == "invalid_request_error"
    if "customBot" in path:
        assert isinstance(answer.json()["success"], bool)
    for call in mock.get("/calls").json()["calls"]:
        assert mock.get(f"/calls/{call['id']}").status_code == 200
    mock.delete("/calls")
    mock.post("/calls")


@settings(max_examples=100, deadline=None)
@given(
    segment=st.text(min_size=1),
    after=st.text(),
    wait=st.text() | st.sampled_from(["nan", "inf", "-inf", "-1", "61", "1e400"]),
)
def test_no_path_and_no_query_gives_a_500(mock: httpx.Client, segment: str, after: str, wait: str) -> None:
    assume(segment not in {".", ".."})
    answers = [
        mock.get(f"/calls/{quote(segment, safe='')}"),
        mock.get("/calls/1/events", params={"after": after}),
        mock.get("/calls/1/events", params={"wait": wait}),
    ]

    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
