"""The embedded store: one SQLite file in WAL mode, shared by the worker processes of a machine."""

from server.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
