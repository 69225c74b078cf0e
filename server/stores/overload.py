"""When waiting has become too long to let anybody else wait."""

from __future__ import annotations

from server.errors import InboxFull
from server.stores.base import CROWD, StoreLimits


def must_be_soon(waiting: int, waited: float, limits: StoreLimits) -> None:
    """Raise `InboxFull` if many wait and nobody has begun with the oldest for too long; `waited` in seconds."""
    if waiting >= CROWD and waited > limits.wait:
        raise InboxFull(
            f"{waiting} messages wait, the oldest {waited:.0f} s for a worker: more than limits.wait allows"
        )
