"""Every form in which TalkMe is known to send a message, field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.intake.payload import parse
from server.models import Incoming
from tests.daemon import TOKEN, real


def parsed(body: dict[str, Any], idempotency_key: str | None = None) -> Incoming:
    return parse(json.dumps(body).encode(), idempotency_key, text_limit=4000, region="BY")


def body(**fields: Any) -> dict[str, Any]:
    return {"token": TOKEN, "user_id": "anna", "message": {"text": "Привет"}, **fields}


def test_the_real_form_gives_ids_as_strings_and_no_made_up_name() -> None:
    incoming = parsed(real("Привет", message_id=33688, client="xI4WylKDvtas"))
    assert incoming == Incoming("xI4WylKDvtas", "3120", "Привет", TOKEN, external_id="33688", phone=None, name=None)


@pytest.mark.parametrize(
    "fields",
    [
        {"message": {"text": "Алло"}},
        {"message": "Алло"},
        {"message": None, "text": "Алло"},
        {"message": {}, "body": "Алло"},
        {"message": {"text": ""}, "originalOnlineChatMessage": {"text": "Алло"}},
    ],
)
def test_the_text_is_taken_from_the_first_place_that_has_one(fields: dict[str, Any]) -> None:
    assert parsed(body(**fields)).text == "Алло"


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ({"client": {"clientId": "c", "login": "l"}}, "c"),
        ({"client": {"clientId": None, "login": "l", "searchId": 7}}, "l"),
        ({"client": {"searchId": 7, "phone": "+375291234567"}}, "7"),
        ({"client": {"phone": 375291234567}}, "375291234567"),
        ({"session_id": "s"}, "s"),
        ({"originalOnlineChatMessage": {"dialogId": 3120}}, "3120"),
    ],
)
def test_the_user_is_named_by_the_first_id_that_is_there(fields: dict[str, Any], user: str) -> None:
    assert parsed(body(user_id=None, **fields)).user_id == user


def test_without_a_session_the_user_is_the_session() -> None:
    assert parsed(body()).session_id == "anna"
    assert parsed(body(originalOnlineChatMessage={"dialogId": 3120})).session_id == "3120"
    assert parsed(body(session_id="s", originalOnlineChatMessage={"dialogId": 3120})).session_id == "s"


def test_the_message_id_is_talkmes_own_or_that_of_the_header() -> None:
    assert parsed(body(originalOnlineChatMessage={"id": 5}), idempotency_key="k").external_id == "5"
    assert parsed(body(), idempotency_key="k").external_id == "k"
    assert parsed(body()).external_id is None


@pytest.mark.parametrize(
    ("fields", "phone"),
    [
        ({"client": {"phone": "8 (029) 123-45-67"}}, "+375291234567"),
        ({"client": {"phone": "+7 912 345-67-89"}}, "+79123456789"),
        ({"client": {"phone": None}, "phone_number": "375 29 123 45 67"}, "+375291234567"),
        ({"caller_number": "80291234567"}, "+375291234567"),
        ({"from": "1234"}, "1234"),
        ({"from": "anonymous"}, "anonymous"),
        ({}, None),
    ],
)
def test_a_valid_number_becomes_e164_and_any_other_stays_as_given(fields: dict[str, Any], phone: str | None) -> None:
    assert parsed(body(**fields)).phone == phone


@pytest.mark.parametrize(
    ("name", "kept"),
    [("Анна", "Анна"), ("1 посетитель в сентябре 2025 года", None), ("  ", None), (None, None), (5, None)],
)
def test_a_name_that_talkme_made_up_is_no_name(name: Any, kept: str | None) -> None:
    assert parsed(body(client={"name": name})).name == kept


def test_text_is_normalised_and_control_characters_are_removed() -> None:
    assert parsed(body(message={"text": " Е\u0308лка\x07\x1b[31m\nи\tсосна \ud800"})).text == "Ёлка[31m и сосна"
