"""Whatever comes in as a webhook is either a message or a refusal that names a field."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.errors import PayloadError
from server.intake.nesting import deeper_than
from server.intake.payload import parse
from tests.daemon import TOKEN

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=10
)
NAMES = st.sampled_from(["text", "id", "dialogId", "clientId", "login", "searchId", "phone", "name"])
OBJECTS = st.dictionaries(NAMES, JSON, max_size=5)
WEBHOOKS = st.fixed_dictionaries(
    {"token": st.just(TOKEN) | JSON},
    optional={
        "user_id": JSON,
        "session_id": JSON,
        "message": OBJECTS | JSON,
        "text": JSON,
        "client": OBJECTS | JSON,
        "originalOnlineChatMessage": OBJECTS | JSON,
        "from": JSON,
    },
)


def check(raw: bytes) -> None:
    try:
        incoming = parse(raw, None, text_limit=4000, region="BY")
    except PayloadError:
        return  # whose constructor asks for a field
    assert incoming.text.strip()
    assert len(incoming.text) <= 4000
    assert not any(unicodedata.category(char).startswith("C") for char in incoming.text)
    assert 0 < len(incoming.user_id) <= 256
    assert 0 < len(incoming.session_id) <= 256
    for part in (incoming.text, incoming.user_id, incoming.session_id, incoming.phone or "", incoming.name or ""):
        part.encode()  # what is stored can be written


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    check(raw)


@given(JSON | WEBHOOKS)
def test_any_json(body: Any) -> None:
    check(json.dumps(body).encode())


@given(st.text(min_size=1))
def test_any_words_of_a_caller(text: str) -> None:
    check(json.dumps({"token": TOKEN, "user_id": "anna", "text": text}).encode())


TEXTS = st.text(alphabet='[]{}\\"\nа', max_size=8)
NESTED = st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2))


def depth(body: Any) -> int:
    inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(NESTED, st.integers(0, 4))
def test_how_deep_json_is_nested_is_told_whatever_its_texts_hold(body: Any, limit: int) -> None:
    assert deeper_than(limit, json.dumps(body).encode()) == (depth(body) > limit)
