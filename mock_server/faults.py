"""What goes wrong on purpose, how often, and how that is written: `http500=10%,slow=2s@5%`."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Side(StrEnum):
    """Where a fault happens. On one occasion at most one fault of a side does."""

    TALKME = "talkme"
    """One of TalkMe's calls that the daemon makes."""
    WEBHOOK = "webhook"
    """A message on its way to the daemon."""
    MODEL = "model"
    """A completion that the daemon asks for."""


class ChaosError(ValueError):
    """A description of faults that cannot be read; the text names what was wrong and what is expected."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault there can be. `seconds` is the time it takes unless another is given; None for one that takes none."""

    side: Side
    what: str
    seconds: float | None = None


KINDS = {
    "http500": Kind(Side.TALKME, "answers 500 and does nothing"),
    "drop": Kind(Side.TALKME, "drops the connection, as often before as after it has done what was asked"),
    "slow": Kind(Side.TALKME, "waits before it does what was asked", 2.0),
    "truncate": Kind(Side.TALKME, "does what was asked and breaks off in the middle of the answer"),
    "success_false": Kind(Side.TALKME, 'answers "success": false and does nothing'),
    "rate_limit": Kind(Side.TALKME, "answers 429 with Retry-After and does nothing", 1.0),
    "stall": Kind(Side.TALKME, "does nothing and does not answer", 60.0),
    "dup": Kind(Side.WEBHOOK, "delivers a message twice at once"),
    "reorder": Kind(Side.WEBHOOK, "delivers the caller's next message before this one"),
    "delay": Kind(Side.WEBHOOK, "delivers a message late", 2.0),
    "malformed": Kind(Side.WEBHOOK, "delivers half of a message first, which is not JSON"),
    "model_500": Kind(Side.MODEL, "answers 500"),
    "model_429": Kind(Side.MODEL, "answers 429 with Retry-After"),
    "model_timeout": Kind(Side.MODEL, "does not answer", 60.0),
    "model_slow": Kind(Side.MODEL, "takes longer until the first token", 2.0),
    "model_stall": Kind(Side.MODEL, "stops in the middle of an answer", 60.0),
    "model_cut": Kind(Side.MODEL, "drops the connection in the middle of an answer"),
    "model_json": Kind(Side.MODEL, "writes something that is not JSON in the middle of an answer"),
    "model_invent": Kind(Side.MODEL, "names a price and a number that stand nowhere"),
}

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
LONGEST = 600.0
"""Seconds that a fault may take."""
SHARE = re.compile(r"(?:(?P<time>\d+(?:\.\d+)?)(?P<unit>ms|s|m)@)?(?P<share>\d+(?:\.\d+)?)%")
EXPECTED = "expected faults like http500=10%,slow=2s@5%"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that happens with a probability of `share` (0 to 1) on each occasion. `seconds`: the time it takes."""

    name: str
    share: float
    seconds: float

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    def __str__(self) -> str:
        time = f"{self.seconds:g}s@" if self.kind.seconds is not None else ""
        return f"{self.name}={time}{self.share * 100:g}%"


def parse(chaos: str) -> tuple[Fault, ...]:
    """The faults of a description, in its order; none of an empty one. Raises `ChaosError`."""
    faults = tuple(_fault(part.strip()) for part in chaos.split(",")) if chaos.strip() else ()
    for name, count in Counter(fault.name for fault in faults).items():
        if count > 1:
            raise ChaosError(f"{name} is named {count} times; once is expected")
    for side in Side:
        together = sum(fault.share for fault in faults if fault.kind.side is side)
        if together > 1 + 1e-9:
            raise ChaosError(f"the faults of {side} are {together:.0%} together; at most 100% is expected")
    return faults


def _fault(part: str) -> Fault:
    name, equals, value = (piece.strip() for piece in part.partition("="))
    kind = KINDS.get(name)
    if kind is None:
        near = difflib.get_close_matches(name, KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KINDS)}"
        raise ChaosError(f"no fault is called {name!r}: {hint}" if name else f"{part!r}: {EXPECTED}")
    example = f"{name}={f'{kind.seconds:g}s@' if kind.seconds is not None else ''}5%"
    match = SHARE.fullmatch(value) if equals else None
    if match is None or (match["time"] and kind.seconds is None):
        raise ChaosError(f"{part!r}: expected {example}")
    share = float(match["share"]) / 100
    seconds = float(match["time"]) * UNITS[match["unit"]] if match["time"] else kind.seconds or 0.0
    if share > 1 or seconds > LONGEST:
        raise ChaosError(f"{part!r}: at most 100% and {LONGEST:g}s are expected")
    return Fault(name, share, seconds)


class Faults:
    """The faults in force. The same `seed` and the same occasions of a side in the same order meet the same faults.

    Raises `ChaosError`.
    """

    def __init__(self, chaos: str = "", seed: int = 0) -> None:
        self.set(chaos, seed)

    def set(self, chaos: str, seed: int | None = None) -> None:
        """Other faults from now on, none of them met yet; with a seed, from its beginning. Raises `ChaosError`."""
        self.faults = parse(chaos)
        self.met: Counter[str] = Counter()
        if seed is not None:
            self.seed = seed
            self._random = {side: Random(f"{side} {seed}") for side in Side}  # noqa: S311 - to be repeated, not secret

    @property
    def chaos(self) -> str:
        """The faults as they are written."""
        return ",".join(map(str, self.faults))

    def draw(self, side: Side) -> Fault | None:
        """The fault of this occasion, if there is one."""
        point = self._random[side].random()
        for fault in self.faults:
            if fault.kind.side is side:
                point -= fault.share
                if point < 0:
                    self.met[fault.name] += 1
                    return fault
        return None

    def before(self, side: Side) -> bool:
        """Whether a fault that may come before or after does so before."""
        return self._random[side].random() < 1 / 2
