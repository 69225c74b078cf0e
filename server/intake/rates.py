"""How much of one may come in how long: rates as one writes them, and whose they are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, ip_address, ip_network

from server.clock import Clock
from server.errors import TooMany
from server.models import Incoming, Quota

WRITTEN = re.compile(r"([1-9]\d{0,8})\s*/\s*(?:([1-9]\d{0,3})\s*)?(second|minute|hour|day)s?")
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
OFF = "off"
V6_NETWORK = 64
"""Bits of an IPv6 address that belong to one customer, who has all the addresses below them."""
COUNTED_AT_ONCE = 10_000
"""Keys that one process counts; whoever sends from more addresses than that is no longer told apart."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within a window that begins with the first of them; `window` in seconds."""

    limit: int
    window: float


def rate(written: str) -> Rate | None:
    """What `120/minute`, `10/5 minutes` or `off` means; None is without a limit. Raises `ValueError`."""
    if written == OFF:
        return None
    match = WRITTEN.fullmatch(written)
    if match is None:
        raise ValueError(f"expected a rate such as 120/minute, 300/second or 10/5 minutes, or {OFF}")
    count, periods, period = match.groups()
    return Rate(int(count), int(periods or 1) * SECONDS[period])


class Quotas:
    """What a message counts in: first what is its user's own, so that who is over it takes nothing from others."""

    def __init__(self, per_user: Rate | None, per_token: Rate | None, per_address: Rate | None) -> None:
        self._per_user, self._per_token, self._per_address = per_user, per_token, per_address

    def of(self, incoming: Incoming, address: str) -> Sequence[Quota]:
        rates = (
            ("per_user", self._per_user, incoming.user_id),
            ("per_token", self._per_token, incoming.token),
            ("per_address", self._per_address, address),
        )
        return [quota(name, rate, whose) for name, rate, whose in rates if rate]


class Counted:
    """One rate, counted in this process alone; `name` is the setting. For what is not worth a step of the store."""

    def __init__(self, name: str, rate: Rate | None, clock: Clock) -> None:
        self._name, self._rate, self._clock = name, rate, clock
        self._spent: dict[str, tuple[int, float]] = {}

    def check(self, whose: str) -> None:
        """Raises `TooMany` if all is spent. Counts nothing."""
        if self._rate is None:
            return
        count, until = self._spent.get(whose, (0, 0.0))
        left = until - self._clock.now()
        if count >= self._rate.limit and 0 < left <= self._rate.window:
            raise TooMany(self._name, self._rate.limit, self._rate.window, left)

    def spend(self, whose: str) -> None:
        """Count one. Raises `TooMany` if there is none left."""
        self.check(whose)
        self.count(whose)

    def count(self, whose: str) -> None:
        """Count one, though it may be one too many."""
        if self._rate is None:
            return
        now = self._clock.now()
        count, until = self._spent.get(whose, (0, 0.0))
        if not now < until <= now + self._rate.window:
            self._make_room(now)
            count, until = 0, now + self._rate.window
        self._spent[whose] = count + 1, until

    def _make_room(self, now: float) -> None:
        if len(self._spent) < COUNTED_AT_ONCE:
            return
        self._spent = {whose: spent for whose, spent in self._spent.items() if spent[1] > now}
        while len(self._spent) >= COUNTED_AT_ONCE:
            del self._spent[next(iter(self._spent))]


def quota(name: str, rate: Rate, whose: str) -> Quota:
    """The key is a digest: neither tokens nor numbers of callers are to be found where quotas are kept."""
    digest = blake2b(whose.encode(), digest_size=12).hexdigest()
    return Quota(name, f"{name}:{digest}", rate.limit, rate.window)


@lru_cache(4096)
def network_of(address: str) -> str:
    """Whom an address belongs to, as far as limits go."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return address
    if parsed.ipv4_mapped:  # as a socket for both kinds of addresses writes those of the old kind
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, V6_NETWORK), strict=False))


def told(too_many: TooMany) -> dict[str, str]:
    """The headers of a 429 answer. `RateLimit` and `RateLimit-Policy` are those of
    draft-ietf-httpapi-ratelimit-headers-11, the three others those of its version 06, which most clients read.
    """
    wait, window = max(1, math.ceil(too_many.retry_after)), math.ceil(too_many.window)
    return {
        "Retry-After": str(wait),
        "RateLimit-Policy": f'"{too_many.name}";q={too_many.limit};w={window}',
        "RateLimit": f'"{too_many.name}";r=0;t={wait}',
        "RateLimit-Limit": str(too_many.limit),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": str(wait),
    }
