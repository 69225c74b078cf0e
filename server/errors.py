"""What can go wrong, by what the one who meets it can do about it."""

from __future__ import annotations


class IteiraError(Exception):
    """Root of our errors; its text is written for the person who reads it."""


class SettingsError(IteiraError):
    """The configuration cannot be used; one line a problem."""


class PayloadError(IteiraError):
    """A webhook body lacks a field or holds a wrong one. The text is Russian: TalkMe's people read it."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"Поле {field}: {expected}")
        self.field = field


class TokenNotAllowed(IteiraError):
    """The webhook's token is not on the configured list."""


class TooMany(IteiraError):
    """More came of one than a limit allows. It was not accepted; `retry_after` (seconds) says when it may be."""

    def __init__(self, name: str, limit: int, window: float, retry_after: float) -> None:
        super().__init__(f"limits.{name} allows {limit} in {window:g} s")
        self.name, self.limit, self.window, self.retry_after = name, limit, window, retry_after


class StoreError(IteiraError):
    """The store cannot do its work now: down, full, locked or damaged."""


class StoreMisplaced(StoreError):
    """The store's file is not where it was: the text says where, and it has to be put back by hand."""


class InboxFull(StoreError):
    """As many messages wait as `limits.inbox`, or of one session `limits.inbox_per_session`, allows; or for longer than
    `limits.wait`."""


class Stopping(StoreError):
    """This process stops, and stores nothing more."""


class LeaseLost(StoreError):
    """Another worker has taken the session, or it was cleared: stop, send nothing, record nothing."""


class ConsultantError(IteiraError):
    """The consultant cannot answer: provider unreachable, refused, or out of time."""


class KnowledgeError(IteiraError):
    """A file of the knowledge base, or its index, cannot be used."""


TALKME_SAYS = "TalkMe says: "
"""Before TalkMe's own words in an error: they may quote what was sent, and so the caller."""


class TalkMeError(IteiraError):
    """TalkMe did not take what we sent, after all attempts."""


class TalkMeTokenRefused(TalkMeError):
    """TalkMe says that the token is wrong: trying again cannot help."""


def unquoted(told: str) -> str:
    """What may be logged, and shown to everybody: without TalkMe's own words."""
    before, says, _ = told.partition(TALKME_SAYS)
    return f"{before}it was refused" if says else told
