"""The calls of one model provider, counted: how each attempt ended, and the tokens that they took."""

from __future__ import annotations

from server.observability import catalogue as of
from server.observability.tally import Tally


class ModelCalls:
    """`by`: the consultant that makes them."""

    def __init__(self, tally: Tally, by: str) -> None:
        self._tally, self._by = tally, by

    def ended(self, how: str) -> None:
        """One attempt, from the request to the first piece of the answer: with an HTTP status, or without one."""
        self._tally.add(of.MODEL_CALLS, self._by, how)

    def again(self) -> None:
        """An attempt that is not the first."""
        self._tally.add(of.RETRIES, "model")

    def used(self, usage: object) -> None:
        """Tokens of one call, as the provider tells them at the end of its answer."""
        for kind in ("prompt", "completion"):
            if taken := tokens(usage, kind):
                self._tally.add(of.TOKENS, self._by, kind, more=taken)


def tokens(usage: object, kind: str) -> int | None:
    """Of what a provider says that a call has taken: `prompt` or `completion`; None where it does not say."""
    told = usage.get(f"{kind}_tokens") if isinstance(usage, dict) else None
    return told if isinstance(told, int) and told > 0 else None
