"""The form in which TalkMe really sends a message: with neither `session_id` nor `user_id`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLIENT = ("searchId", "login", "clientId", "name", "phone")
"""What TalkMe tells of a caller."""


def webhook(
    token: str, client: Mapping[str, Any], text: str, *, message_id: int | None, dialog_id: int
) -> dict[str, Any]:
    """The body for one message. `client` holds at least what `CLIENT` names."""
    return {
        "token": token,
        "site": {"id": "mock", "domain": "iteira"},
        "client": {key: client[key] for key in CLIENT},
        "message": {"text": text},
        "originalOnlineChatMessage": {"id": message_id, "text": text, "dialogId": dialog_id},
    }
