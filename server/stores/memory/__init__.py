"""The store that forgets: for tests alone. It keeps the same promises as long as its process lives."""

from server.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
