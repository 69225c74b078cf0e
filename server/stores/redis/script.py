"""The one script that changes several keys at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis

from server.errors import LeaseLost
from server.models import Claim
from server.stores.redis.connection import Answered

SOURCE = Path(__file__).parent / "inbox.lua"


class Script:
    """Runs an action of `inbox.lua`, all of it or nothing."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._script = redis.register_script(SOURCE.read_text(encoding="utf-8"))
        self._prefix = prefix

    async def run(self, action: str, **arguments: Any) -> Any:
        """The action's answer. Arguments that are None are left out. Raises `LeaseLost` and `StoreError`."""
        given = {name: value for name, value in arguments.items() if value is not None}
        async with Answered():
            text = await self._script(keys=[self._prefix], args=[action, orjson.dumps(given)])
        answer = orjson.loads(text) if text else None
        if answer and answer.get("lost"):
            raise LeaseLost(f"message {arguments['message']} belongs to another worker, or was cleared")
        return answer


def held(claim: Claim) -> dict[str, str]:
    """A claim as the script knows it."""
    return {"user": claim.user_id, "message": claim.message.id, "fence": str(claim.fence)}
