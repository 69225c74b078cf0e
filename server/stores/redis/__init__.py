"""The shared store: Redis 6.2 or newer, or Valkey, for workers on several machines."""

from server.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
