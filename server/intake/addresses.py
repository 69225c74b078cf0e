"""Who a request comes from: the address of its connection, or what a trusted proxy says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Network = IPv4Network | IPv6Network
Headers = Iterable[tuple[bytes, bytes]]
By = Literal["x-forwarded-for", "forwarded"]

FOR = re.compile(r"\bfor=\"?([^\";,]+)", re.IGNORECASE)
"""A hop of `Forwarded` (RFC 7239)."""
WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[\d.]+):\d+")


def networks(written: Iterable[str]) -> Sequence[Network]:
    """Raises `ValueError` with what is expected."""
    found = []
    for each in written:
        try:
            found.append(ip_network(each))
        except ValueError:
            raise ValueError(
                f"expected addresses or networks such as 203.0.113.7 or 203.0.113.0/24, not {each}"
            ) from None
    return found


def within(address: str, allowed: Sequence[Network]) -> bool:
    """Whether it is in one of these; what is no address is in none."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in allowed)


class Addresses:
    """`trusted`: the proxies whose word counts, `by`: the header in which they say it.

    Each proxy appends the address that it was called from, so the last entry that is no proxy of ours is the caller:
    what stands before it is what he says of himself. Without trusted proxies the header counts for nothing.
    """

    def __init__(self, trusted: Sequence[Network], by: By) -> None:
        self._trusted, self._by = trusted, by.encode()

    def of(self, peer: str, headers: Headers) -> str:
        """`peer` is the address of the connection; header names are in lower case, as ASGI gives them."""
        if not self._trusted or not within(peer, self._trusted):
            return peer
        address = peer
        for hop in reversed(list(self._hops(headers))):
            parsed = _parsed(hop)
            if parsed is None:  # «unknown», a name, or made up: who said it is the last one known
                return address
            address = str(parsed)
            if not within(address, self._trusted):
                return address
        return address

    def _hops(self, headers: Headers) -> Iterator[str]:
        for name, value in headers:
            if name == self._by:
                text = value.decode("latin-1")
                yield from FOR.findall(text) if self._by == b"forwarded" else text.split(",")


@lru_cache(4096)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if match := WITH_PORT.fullmatch(text):
        text = match["v6"] or match["v4"]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
