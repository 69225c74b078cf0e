"""From a URL to the store behind it: the only place that names the concrete ones."""

from __future__ import annotations

from pathlib import Path

from server.clock import Clock
from server.errors import StoreError
from server.stores.base import Backups, Store, StoreLimits


def store_from_url(url: str, limits: StoreLimits, clock: Clock) -> Store:
    """`sqlite:///relative.db`, `sqlite:////absolute.db`, `redis://host:6379/0` (`rediss://` with TLS), or `memory://`
    for tests. Raises `StoreError` for anything else."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        from server.stores.sqlite import SQLiteStore

        return SQLiteStore(Path(rest[1:]), limits, clock)
    if scheme in ("redis", "rediss"):
        from server.stores.redis import RedisStore

        return RedisStore(url, limits, clock)
    if scheme == "memory":
        from server.stores.memory import MemoryStore

        return MemoryStore(limits, clock)
    raise StoreError("store.url: expected sqlite:///path/to/file.db or redis://host:6379/0")


def look_at(url: str) -> bool:
    """Look at a store that is a file, and change nothing; False where there is no such file yet. Raises `StoreError`
    for one that could not be opened."""
    scheme, _, rest = url.partition(":///")
    path = Path(rest)
    if scheme != "sqlite" or not path.is_file() or not path.stat().st_size:
        return False
    from server.stores.sqlite.file import StoreFile

    StoreFile(path).look()
    return True


def backups_of_url(url: str) -> Backups:
    """Backups of the store at `url`. Raises `StoreError` where its engine has a way of its own."""
    scheme, _, rest = url.partition(":///")
    if scheme != "sqlite":
        raise StoreError("only a SQLite store is backed up here: Redis has its own way, see docs/operations.md")
    from server.stores.sqlite.backup import SQLiteBackup

    return SQLiteBackup(Path(rest))
