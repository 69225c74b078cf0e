"""What the workers count: every figure with its name, its labels and the values of them that are known beforehand.

Names are Prometheus'. No label has a value that callers, TalkMe or a provider could make up: what is not expected is
counted under `other`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from server.models import State
from server.observability.stages import FIRST_TOKEN, FIXED, OURS, STAGES, TALKME, WORKER

OTHER = "other"
NOBODY = "nobody"
"""Who has answered a message that nobody has answered."""
CONSULTANTS = ("openai", "second", "offline")
STATUSES = ("200", "400", "401", "403", "404", "408", "413", "425", "429", "500", "502", "503", "504")
"""Of HTTP, as far as they are told apart."""
TIMEOUT, UNREACHABLE, BROKEN_OFF = "timeout", "unreachable", "broken off"
"""No answer in time; no connection, or one that broke; a call that we broke off ourselves, since its turn was over."""
REFUSED_ALL_THE_SAME = "refused"
"""200, and in its body that the call was not taken."""
TALKME_STATUSES = (*STATUSES, REFUSED_ALL_THE_SAME, TIMEOUT, UNREACHABLE, BROKEN_OFF)
MODEL_STATUSES = (*STATUSES, TIMEOUT, UNREACHABLE, BROKEN_OFF)
METHODS = ("send", "simulateTyping", "finish")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Upper bounds of the histograms' buckets: from a search to the longest turn."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter. `values`: for each label those it may have; any other is told as `other`."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    told_at_zero: bool = True
    """Whether each combination is told before anything was counted, so that a first failure is a change."""

    def series(self) -> list[tuple[str, ...]]:
        """The combinations of values that are told though nothing was counted."""
        return list(product(*self.values)) if self.told_at_zero else []


@dataclass(frozen=True, slots=True)
class Measured(Counted):
    """A histogram of seconds."""


OUTCOMES = (State.SENT.value, State.FAILED.value, State.EXPIRED.value)
TURNS = Counted(
    "iteira_turns",
    "Turns that ended, by outcome and by who had answered.",
    ("outcome", "by"),
    (OUTCOMES, (*CONSULTANTS, FIXED, NOBODY)),
)
ERRORS = Counted(
    "iteira_turn_errors",
    "Turns that failed or expired, by the stage they failed in.",
    ("stage",),
    ((*(stage for stage in STAGES if stage != FIRST_TOKEN), WORKER, OURS),),
)
TURN_SECONDS = Measured("iteira_turn_seconds", "From accepting a message to having delivered its reply.")
STAGE_SECONDS = Measured(
    "iteira_stage_seconds",
    "Parts of it: waiting for one's turn, searching, the model (its first token is a part of that), TalkMe.",
    ("stage",),
    (STAGES,),
)
TAKEN_OVER = Counted("iteira_leases_taken_over", "Messages taken over from a worker that died or stalled.")
LOST = Counted("iteira_leases_lost", "Turns whose lease had ended before they did; another worker has the message.")
ACCEPTED = Counted(
    "iteira_webhooks_accepted",
    "Webhooks whose message was stored, or was there already (repeated).",
    ("delivery",),
    (("first", "repeated"),),
)
REFUSED = Counted(
    "iteira_webhooks_refused",
    "Webhooks that were refused, by HTTP status.",
    ("status",),
    (("400", "401", "403", "404", "408", "413", "429", "503"),),
)
TALKME_CALLS = Counted(
    "iteira_talkme_calls",
    "Calls of TalkMe's API, each attempt by itself, by how they ended.",
    ("method", "status"),
    (METHODS, TALKME_STATUSES),
    False,
)
MODEL_CALLS = Counted(
    "iteira_model_calls",
    "Calls of a model provider, each attempt by itself, by how they ended.",
    ("by", "status"),
    (CONSULTANTS[:2], MODEL_STATUSES),
    False,
)
RETRIES = Counted("iteira_retries", "Calls that were made again.", ("of",), ((TALKME, "model"),))
TOKENS = Counted(
    "iteira_model_tokens",
    "Tokens that the provider says it has read and written.",
    ("by", "kind"),
    (CONSULTANTS[:2], ("prompt", "completion")),
    False,
)
ASKED = Counted(
    "iteira_consultants_asked",
    "Consultants that were asked for a reply, or were not because their circuit was open.",
    ("by", "outcome"),
    (CONSULTANTS, ("answered", "failed", "not asked")),
)
OBJECTIONS = Counted(
    "iteira_answers_objected",
    "Sentences that were not fit to be spoken.",
    ("by", "kind"),
    (CONSULTANTS, ("price", "number", "phone", "link", "address", "free", "rules")),
)
FILLERS = Counted("iteira_fillers", "Callers who were told to wait a moment.")
CPU_SECONDS = Counted("iteira_cpu_seconds", "Processor time of all workers.")

CATALOGUE: tuple[Counted, ...] = (
    TURNS,
    ERRORS,
    TURN_SECONDS,
    STAGE_SECONDS,
    TAKEN_OVER,
    LOST,
    ACCEPTED,
    REFUSED,
    TALKME_CALLS,
    MODEL_CALLS,
    RETRIES,
    TOKENS,
    ASKED,
    OBJECTIONS,
    FILLERS,
    CPU_SECONDS,
)
