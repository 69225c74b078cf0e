"""Sessions and messages as they are kept: what is only looked at, and no script has to decide."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from server.models import Message, Session, TranscriptLine
from server.stores.redis import rows
from server.stores.redis.connection import Answered
from server.stores.redis.keys import key, strings
from server.stores.replies import lines_of


class Conversations:
    """See `server.stores.base` for what the methods of its names promise."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def messages(self, ids: Sequence[str]) -> list[Message]:
        """Those that exist, in order."""
        return [rows.message(fields) for fields in await self._hashes([key("message", one) for one in ids])]

    async def sessions_of(self, users: Sequence[str]) -> list[Session]:
        """Those that exist, in order."""
        return [rows.session(fields) for fields in await self._hashes([key("session", user) for user in users])]

    async def sessions(self, limit: int, active_since: float | None, offset: int) -> list[Session]:
        names, since = ("sessions", "-inf") if active_since is None else ("active", str(active_since))
        async with Answered():
            users = await self._redis.zrevrangebyscore(key(names), "+inf", since, offset, limit)
        return await self.sessions_of(strings(users))

    async def transcript(self, user_id: str) -> list[TranscriptLine]:
        async with Answered():
            ids = await self._redis.lrange(key("said", user_id), 0, -1)
        return [line for message in await self.messages(strings(ids)) for line in lines_of(message)]

    async def known_by_phone(self, phone: str, user_id: str) -> Session | None:
        async with Answered():
            users = strings(await self._redis.zrevrange(key("phone", phone), 0, 1))
        known = await self.sessions_of([user for user in users if user != user_id])
        return next((session for session in known if session.client_name), None)

    async def dead(self, limit: int, since: float | None, *, oldest_first: bool) -> list[Message]:
        least = since or "-inf"
        async with Answered():
            if oldest_first:
                ids = await self._redis.zrangebyscore(key("dead"), least, "+inf", 0, limit)
            else:
                ids = await self._redis.zrevrangebyscore(key("dead"), "+inf", least, 0, limit)
        return await self.messages(strings(ids))

    async def _hashes(self, names: Sequence[str]) -> list[dict[str, str]]:
        if not names:
            return []
        async with Answered(), self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(name)
            return [fields for fields in await pipe.execute() if fields]
